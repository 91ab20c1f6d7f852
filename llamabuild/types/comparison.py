"""What a run says about a variant."""

from __future__ import annotations

from .base import Data

FASTER = "faster"
SLOWER = "slower"
EQUIVALENT = "equivalent"
NO_DIFFERENCE = "no difference shown"
BASELINE = "baseline"
NOT_MEASURED = "not measured"


class Comparison(Data, frozen=True):
    """Ratio of one arm's throughput to the baseline's on one workload.

    ``ratio`` above 1 is faster than the baseline. The interval is simultaneous over all
    comparisons of the run at the level that Holm's procedure gives this one.
    """

    arm: str
    workload: str
    unit: str
    trials: int
    """Trials of this arm that are part of the comparison."""
    median: float | None
    """Median over trials of the trial's median throughput."""
    mad: float | None
    """Median absolute deviation of the same."""
    ratio: float | None
    low: float | None
    high: float | None
    level: float | None
    """Confidence level of ``[low, high]``."""
    p_value: float | None
    """Holm-adjusted; for a difference beyond the threshold."""
    verdict: str
    detectable: float | None
    """Smallest difference (fraction) that this run had an 80 % chance to show."""


class Noise(Data, frozen=True):
    """What the copy of the baseline showed on one workload."""

    workload: str
    comparison: Comparison
    floor: float
    """Absolute log-ratio of A′ to the baseline: the bias that this machine shows by itself."""
    threshold: float
    """The larger of the schedule's threshold and the floor."""
    usable: bool
    """False when A′ itself came out faster or slower: the run is no gate."""


class ComparisonSet(Data, frozen=True):
    """All comparisons of one run at its last look."""

    blocks: int
    """Blocks that count, without warm-up and discarded ones."""
    look: int
    """Index of the look whose alpha was used."""
    alpha: float
    decided: bool
    """Every comparison has a verdict other than ``no difference shown``."""
    noise: tuple[Noise, ...]
    comparisons: tuple[Comparison, ...]
