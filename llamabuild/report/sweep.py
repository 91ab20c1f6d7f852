"""A sweep: its points in order, what each brings, and why it does not bring more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers
from llamabuild.report.formats import with_formats
from llamabuild.report.portable import clean
from llamabuild.report.sweep_document import AxisInfo, SweepInfo, SweepPoint, SweepResult
from llamabuild.report.sweep_programs import PARALLEL, guesses_of, program_sentences
from llamabuild.report.sweep_threads import advice, scaling
from llamabuild.types.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.report.document import ModelInfo, VariantResult, WorkloadResult
    from llamabuild.report.sweep_programs import Guesses
    from llamabuild.roofline import Roofline
    from llamabuild.types.run import Run, Trial

DEFAULT = "default"
THREADS = "threads"
WAITING = "ttft"
"""Kind of workload whose result is a time."""


def sweep_info(
    run: Run,
    trials: Sequence[Trial],
    variants: Sequence[VariantResult],
    roofline: Roofline,
    words: Mapping[str, str],
    *,
    model: ModelInfo,
) -> SweepInfo | None:
    """Return the points of a run's sweep in the order of the axes' values; None if it is none.

    Args:
        run: The run.
        trials: Its trials, for what the kernel counted and which guesses were accepted.
        variants: Its variants' results, in the order of its arms.
        roofline: How near they come to what the machine allows.
        words: Each workload's name in words.
        model: The run's.
    """
    sweep = run.sweep
    if sweep is None:
        return None
    axes = tuple(
        AxisInfo(
            name=axis.setting,
            what=axis.what,
            values=axis.values,
        )
        for axis in sweep.axes
    )
    only = sweep.axes[0].setting if len(sweep.axes) == 1 else ""
    scales = only in {THREADS, PARALLEL}
    results = {arm.name: result for arm, result in zip(run.arms, variants, strict=True)}
    guesses = guesses_of(run, trials)
    points = []
    for point in sweep.points:
        variant = results[point.variant]
        times = int(point.values[0]) / int(sweep.points[0].values[0]) if scales else None
        points.append(
            SweepPoint(
                variant=variant.name,
                values=point.values,
                label=_label(point.values),
                status=variant.status,
                reason=variant.reason,
                kv_cache_bytes=point.kv_cache_bytes,
                more_memory_bytes=_more(variant, results[sweep.points[0].variant]),
                workloads=tuple(
                    _result(result, times, run, guesses.get((point.variant, result.name)))
                    for result in variant.workloads
                ),
            )
        )
    info = SweepInfo(
        base=clean(sweep.base), axes=axes, points=tuple(points), answer="", sentences=()
    )
    best = [_best(info, place, name) for place, name in enumerate(words.values())]
    told = advice(info, run.workloads) if only == THREADS else []
    reasons: list[str] = []
    for place, name in enumerate(words.values() if only == THREADS else ()):
        where, why = scaling(
            info, place, name, machine=run.machine, roofline=roofline, trials=trials
        )
        told += where
        reasons += why
    told += reasons
    told += program_sentences(run, trials, info, words)
    info = msgspec.structs.replace(
        info,
        answer=" ".join(filter(None, best)) or "Too few points of this sweep could be measured.",
        reasons=tuple(reasons),
        sentences=tuple(told),
    )
    return with_formats(info, run, results, roofline, model)


def _more(variant: VariantResult, first: VariantResult) -> float | None:
    """Return by how much the peak memory of a point exceeds the first one's, in bytes."""
    own, other = (
        max((w.peak_rss_bytes for w in each.workloads if w.peak_rss_bytes), default=None)
        for each in (variant, first)
    )
    return None if own is None or other is None else own - other


def _label(values: tuple[str, ...]) -> str:
    return ", ".join(value or DEFAULT for value in values) if any(values) else DEFAULT


def _result(
    result: WorkloadResult, ideal: float | None, run: Run, guesses: Guesses | None
) -> SweepResult:
    workload = next(load for load in run.workloads if load.name == result.name)
    waited = result.median is not None and workload.kind == WAITING
    efficiency = None
    if ideal is not None:
        ratio = 1.0 if result.ratio is None and result.median is not None else result.ratio
        efficiency = None if ratio is None else ratio / ideal
    return SweepResult(
        name=result.name,
        unit=result.unit,
        median=result.median,
        ratio=result.ratio,
        low=result.low,
        high=result.high,
        verdict=result.verdict,
        detectable=result.detectable,
        efficiency=efficiency,
        peak_rss_bytes=result.peak_rss_bytes,
        first_token_ms=1e3 * workload.tokens / result.median if waited and result.median else None,
        acceptance=guesses.acceptance if guesses else None,
        drafted_tokens=guesses.each if guesses else None,
    )


def _best(info: SweepInfo, place: int, words: str) -> str:
    """Say which value was best; ``faster`` only where it was shown."""
    measured = [p for p in info.points if p.workloads and p.workloads[place].median is not None]
    if len(measured) < 2:  # noqa: PLR2004 - nothing to choose from
        return ""
    shown = [p for p in measured if p.workloads[place].verdict == FASTER]
    first = measured[0]
    names = " and ".join(axis.name for axis in info.axes)
    worse = [p.label for p in measured if p.workloads[place].verdict == SLOWER]
    behind = f" Shown to be slower at {words}: {numbers.listing(worse)}." if worse else ""
    if not shown:
        return (
            f"{words.capitalize()}: no value of {names} was shown to be faster than "
            f"{first.label}.{behind}"
        )
    best = max(shown, key=lambda p: p.workloads[place].median or 0.0)
    result = best.workloads[place]
    ratio = numbers.ratio(result.ratio, result.low, result.high)
    span = numbers.interval(result.ratio, result.low, result.high)
    most = "fastest" if result.first_token_ms is None else "shortest"
    return (
        f"{words.capitalize()} is {most}, by its median, with {names} {best.label}: "
        f"{ratio} {span} of the speed with {first.label}.{behind}"
    )
