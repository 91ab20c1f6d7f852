"""What a run says about a variant."""

from __future__ import annotations

from .base import Data

FASTER = "faster"
SLOWER = "slower"
EQUIVALENT = "equivalent"
NO_DIFFERENCE = "no difference shown"
BASELINE = "baseline"
NOT_MEASURED = "not measured"


class Comparison(Data, frozen=True, kw_only=True):
    """Ratio of one arm's throughput to the baseline's on one workload.

    ``ratio`` above 1 is faster than the baseline. The interval has the level at which Holm's
    procedure over all comparisons of the run tested this one, so interval and verdict agree.
    """

    arm: str
    workload: str
    unit: str
    trials: int
    """Trials of this arm that are part of the comparison: one for each pair."""
    median: float | None
    """Median over trials of the trial's median throughput."""
    mad: float | None
    """Median absolute deviation of the same."""
    ratio: float | None
    low: float | None
    """None, like ``high``, when there are too few pairs for ``level``: nothing is ruled out."""
    high: float | None
    level: float | None
    """Confidence level of ``[low, high]``; None for the baseline itself."""
    p_value: float | None
    """Holm-adjusted (A′: as it is); for a difference beyond the threshold."""
    verdict: str
    detectable: float | None
    """Smallest difference (fraction) that this run had an 80 % chance to show, threshold
    included; None when it could show none."""


class Noise(Data, frozen=True, kw_only=True):
    """What the copy of the baseline showed on one workload."""

    workload: str
    comparison: Comparison
    floor: float
    """Distance of A′ from the baseline (fraction): the bias that this machine shows by itself."""
    threshold: float
    """The larger of the schedule's threshold and the floor."""
    usable: bool
    """False when A′ itself came out faster or slower, or was not measured: the run is no gate."""


class ComparisonSet(Data, frozen=True, kw_only=True):
    """All comparisons of one run at its last look."""

    blocks: int
    """Blocks that count, without warm-up and discarded ones."""
    look: int
    """Index of the look whose alpha was used."""
    alpha: float
    """Family-wise error of that look."""
    at_look: bool = True
    """``blocks`` is exactly a planned look; other results are provisional."""
    decided: bool
    """Every comparison has a verdict other than ``no difference shown``."""
    noise: tuple[Noise, ...]
    comparisons: tuple[Comparison, ...]
