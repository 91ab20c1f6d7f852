"""One arm against the baseline on one workload: the pairs and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, log
from statistics import median
from typing import TYPE_CHECKING

from llamabuild.stats import detectable_shift, paired_shift
from llamabuild.types.comparison import BASELINE, NOT_MEASURED, Comparison

from .verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.stats import Interval, PairedShift
    from llamabuild.types.run import Workload

    from .blocks import Throughputs


@dataclass(frozen=True, slots=True)
class Paired:
    """An arm's trials in those blocks in which the baseline has a usable trial too."""

    arm: str
    workload: Workload
    values: tuple[float, ...]
    """Throughput of the arm, one per pair, in the order of the blocks."""
    shift: PairedShift
    """Of the log-ratios of throughput to the baseline."""


def pair(found: Throughputs, arm: str, baseline: str, workload: Workload) -> Paired | None:
    """Pair the trials within blocks; None without a single pair."""
    reference = found.get((baseline, workload.name), {})
    own = found.get((arm, workload.name), {})
    blocks = sorted(reference.keys() & own.keys())
    if not blocks:
        return None
    values = tuple(own[block] for block in blocks)
    differences = [log(own[block] / reference[block]) for block in blocks]
    return Paired(arm, workload, values, paired_shift(differences))


def compared(paired: Paired, *, alpha: float, p_value: float, delta: float) -> Comparison:
    """Return the comparison at level ``1 - alpha`` against the threshold ±``delta`` (log)."""
    shift = paired.shift
    interval = shift.interval(alpha)
    reach = detectable_shift(shift, alpha)
    return Comparison(
        arm=paired.arm,
        workload=paired.workload.name,
        unit=paired.workload.unit,
        trials=shift.pairs,
        median=median(paired.values),
        mad=_mad(paired.values),
        ratio=exp(shift.estimate),
        low=_ratio(interval.low, interval),
        high=_ratio(interval.high, interval),
        level=interval.level,
        p_value=p_value,
        verdict=verdict(interval, delta),
        detectable=None if reach is None else expm1(reach + delta),
    )


def baseline_itself(found: Throughputs, arm: str, workload: Workload) -> Comparison:
    """Return the baseline's own row: ratio 1 by definition, no test."""
    values = tuple(found.get((arm, workload.name), {}).values())
    if not values:
        return not_measured(arm, workload)
    return Comparison(
        arm=arm,
        workload=workload.name,
        unit=workload.unit,
        trials=len(values),
        median=median(values),
        mad=_mad(values),
        ratio=1.0,
        low=1.0,
        high=1.0,
        level=None,
        p_value=None,
        verdict=BASELINE,
        detectable=None,
    )


def not_measured(arm: str, workload: Workload) -> Comparison:
    """Return the row of an arm without a pair."""
    return Comparison(
        arm=arm,
        workload=workload.name,
        unit=workload.unit,
        trials=0,
        median=None,
        mad=None,
        ratio=None,
        low=None,
        high=None,
        level=None,
        p_value=None,
        verdict=NOT_MEASURED,
        detectable=None,
    )


def _ratio(bound: float, interval: Interval) -> float | None:
    return exp(bound) if interval.bounded else None


def _mad(values: Iterable[float]) -> float:
    values = tuple(values)
    centre = median(values)
    return median(abs(value - centre) for value in values)
