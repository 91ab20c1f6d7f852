"""A sweep: its points in order, what each brings, and why it does not bring more."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers
from llamabuild.report.portable import clean
from llamabuild.report.sweep_document import AxisInfo, SweepInfo, SweepPoint, SweepResult
from llamabuild.report.sweep_programs import PARALLEL, guesses_of, program_sentences
from llamabuild.roofline.records import MEMORY_BOUND
from llamabuild.types.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult
    from llamabuild.report.sweep_programs import Guesses
    from llamabuild.roofline import Roofline
    from llamabuild.types.machine import Machine
    from llamabuild.types.run import Run, Trial

DEFAULT = "default"
HALF = 0.5
THREADS = "threads"
WAITING = "ttft"
"""Kind of workload whose result is a time."""


def sweep_info(
    run: Run,
    trials: Sequence[Trial],
    variants: Sequence[VariantResult],
    roofline: Roofline,
    words: Mapping[str, str],
) -> SweepInfo | None:
    """Return the points of a run's sweep in the order of the axes' values; None if it is none.

    Args:
        run: The run.
        trials: Its trials.
        variants: Its variants' results, in the order of its arms.
        roofline: How near they come to what the machine allows.
        words: Each workload's name in words.
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
    told: list[str] = []
    for place, name in enumerate(words.values() if only == THREADS else ()):
        told += _scaling(info, place, name, run.machine, roofline)
    told += program_sentences(run, trials, info, words)
    return msgspec.structs.replace(
        info,
        answer=" ".join(filter(None, best)) or "Too few points of this sweep could be measured.",
        sentences=tuple(told),
    )


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
    behind = f" Shown to be slower: {numbers.listing(worse)}." if worse else ""
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


def _scaling(
    info: SweepInfo, place: int, words: str, machine: Machine, roofline: Roofline
) -> list[str]:
    """Say where threads stop to pay, and what is known of the reason."""
    measured = [p for p in info.points if p.workloads and p.workloads[place].efficiency is not None]
    if len(measured) < 2:  # noqa: PLR2004 - nothing to compare
        return []
    told = []
    poor = list(takewhile(lambda p: (p.workloads[place].efficiency or 0) < HALF, measured[::-1]))
    if poor:
        first = poor[-1]
        told.append(
            f"{words.capitalize()}: with {first.label} threads or more the speedup is below half "
            f"of the ideal (efficiency {numbers.part(first.workloads[place].efficiency)})."
        )
    best = max(measured, key=lambda p: p.workloads[place].median or 0.0)
    after = [p for p in measured if int(p.values[0]) > int(best.values[0])]
    if after:
        surely = all(_below(p.workloads[place], best.workloads[place]) for p in after)
        verb = "bring nothing here" if surely else "bring nothing here by their medians"
        told.append(
            f"{words.capitalize()}: more than {best.label} threads {verb}: "
            f"{_why(int(after[0].values[0]), best, place, machine, roofline)}."
        )
    return told


def _below(one: SweepResult, best: SweepResult) -> bool:
    """Tell whether an interval lies wholly below another; the first point's is the ratio 1."""
    reach = 1.0 if one.ratio is None else one.high
    floor = 1.0 if best.ratio is None else best.low
    return reach is not None and floor is not None and reach < floor


def _why(count: int, best: SweepPoint, place: int, machine: Machine, roofline: Roofline) -> str:
    """Return the reasons that measured facts support, else that there is none."""
    reasons = []
    cores = len(machine.affinity) // max(1, machine.cpu.threads_per_core)
    if machine.quota_cpus is not None and count > machine.quota_cpus:
        reasons.append(
            f"the cgroup's quota is {machine.quota_cpus:g} CPUs, and threads beyond it are held "
            "back in turns"
        )
    if count > len(machine.affinity):
        reasons.append(
            f"only {numbers.count(len(machine.affinity), 'CPU')} may be used, so that threads "
            "take turns while the others wait for them"
        )
    elif count > cores:
        reasons.append("two threads of one core share its arithmetic units and caches")
    workload = best.workloads[place].name
    share = next(
        (s for s in roofline.shares if (s.variant, s.workload) == (best.variant, workload)), None
    )
    if share is not None and share.verdict == MEMORY_BOUND:
        reasons.append(
            f"{best.label} threads already read {numbers.part(share.bandwidth_share)} of the "
            "bandwidth that the probes measured"
        )
    return "; ".join(reasons) or (
        "neither quota, nor affinity, nor measured bandwidth explains it ('kernels' measures the "
        "bandwidth if that was not done)"
    )
