"""Measure this machine's false-positive rate: the baseline against itself, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.compare import compare_run
from llamabuild.errors import Inconclusive
from llamabuild.store.results import Results
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER, SLOWER

from .request import Request
from .story import run_variants

if TYPE_CHECKING:
    from .observer import Observer

BLOCKS = 12
ALPHA = 0.05


class FalsePositives(Data, frozen=True, kw_only=True):
    """How often equal programs came out different."""

    comparisons: int
    """Those that could have shown a difference: with a pair of trials in enough blocks."""
    false: int
    rate: float
    low: float
    high: float
    """95 % interval of the rate, exact (Clopper–Pearson)."""
    promised: float
    floors: dict[str, float]
    """Largest ratio minus 1 that A′ showed, by workload."""
    runs: tuple[str, ...]


def measure_false_positives(runs: int, baseline: str | None, observer: Observer) -> FalsePositives:
    """Run the baseline against its copy ``runs`` times, in 12 blocks each.

    A comparison that was not measured, or in too few blocks for any verdict, could not have come
    out false and does not count.

    Raises:
        Inconclusive: Not one comparison is left.
        LlamabuildError: As :func:`run_variants`.
    """
    verdicts: list[str] = []
    floors: dict[str, float] = {}
    ids: list[str] = []
    for number in range(1, runs + 1):
        observer.note(f"A/A run {number} of {runs}")
        request = Request(
            only_baseline=True,
            baseline=baseline,
            blocks=BLOCKS,
            command=("python", "-m", "llamabuild", "doctor", "--aa", str(runs)),
        )
        run = run_variants(request, observer)
        ids.append(run.id)
        with Results.open() as results:
            noise = compare_run(run, results.trials(run.id)).noise
        for item in noise:
            if item.comparison.low is None:
                observer.note(f"{item.workload} of run {run.id} has too few trials to count")
                continue
            verdicts.append(item.comparison.verdict)
            floors[item.workload] = max(floors.get(item.workload, 0.0), item.floor)
    if not verdicts:
        message = f"no comparison in {runs} run{'s' if runs > 1 else ''} had enough trials"
        raise Inconclusive(message, f"'python -m llamabuild report {ids[-1]}' says why")
    return _summary(verdicts, floors, tuple(ids))


def _summary(
    verdicts: list[str], floors: dict[str, float], runs: tuple[str, ...]
) -> FalsePositives:
    from scipy.stats import binomtest  # noqa: PLC0415 - slow to load

    false = sum(verdict in {FASTER, SLOWER} for verdict in verdicts)
    interval = binomtest(false, len(verdicts)).proportion_ci(method="exact")
    return FalsePositives(
        comparisons=len(verdicts),
        false=false,
        rate=false / len(verdicts),
        low=float(interval.low),
        high=float(interval.high),
        promised=ALPHA,
        floors=floors,
        runs=runs,
    )
