"""A sweep of threads: how many to use, where more stop to pay, and what is known of the reason."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.roofline.records import MEMORY_BOUND
from llamabuild.types.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.sweep_document import SweepInfo, SweepPoint, SweepResult
    from llamabuild.roofline import Roofline
    from llamabuild.types.machine import Machine
    from llamabuild.types.run import Trial, Workload

HALF = 0.5
SERVER = {"tg": "--threads", "pp": "--threads-batch"}
"""Options of llama-server and llama-cli by what they decide (``common/arg.cpp``)."""
LEAST_WAIT = 0.01
"""Seconds for each second of a trial; less is no reason."""
SWITCHED = 3.0
"""Times as often, from which on threads are said to be switched out more."""


def advice(info: SweepInfo, workloads: Sequence[Workload]) -> list[str]:
    """Return one sentence with llama-server's options, as far as a count was shown to be best.

    llama-bench measures prompts and generation apart, so that one sweep finds both counts.
    """
    shown, unshown = [], []
    for place, workload in enumerate(workloads):
        if (option := SERVER.get(workload.kind)) is None:
            continue
        enough = count_for(info, place)
        if enough is None:
            unshown.append(f"`{option}` ({workload.name})")
        else:
            shown.append(f"`{option} {enough.values[0]}` ({workload.name})")
    if not shown:
        return []
    rest = f"; no count was shown to be best for {numbers.listing(unshown)}" if unshown else ""
    return [f"For llama-server and llama-cli: {numbers.listing(shown)}{rest}."]


def count_for(info: SweepInfo, place: int) -> SweepPoint | None:
    """Return how many threads to use: the fewest that were not shown to be slower than the best.

    Only counts that were shown to be faster than the first are candidates, or the first itself
    where all others were shown to be slower; None where neither is so.
    """
    measured = _measured(info, place)
    best = _shown_best(measured, place)
    if best is None or best is measured[0]:
        return best
    candidates = [p for p in measured if p.workloads[place].verdict == FASTER]
    return next(p for p in candidates if not _below(p.workloads[place], best.workloads[place]))


def scaling(
    info: SweepInfo,
    place: int,
    words: str,
    *,
    machine: Machine,
    roofline: Roofline,
    trials: Sequence[Trial],
) -> tuple[list[str], list[str]]:
    """Say where threads stop to pay on one workload, and what is known of the reason."""
    measured = _measured(info, place)
    if len(measured) < 2:  # noqa: PLR2004 - nothing to compare
        return [], []
    told: list[str] = []
    reasons: list[str] = []
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
        known = [
            *_limits(int(after[0].values[0]), machine),
            *_counted(best, after[0], best.workloads[place].name, trials),
            *_bandwidth(best, best.workloads[place].name, roofline),
        ]
        why = "; ".join(known) or (
            "neither quota, nor affinity, nor measured bandwidth explains it ('kernels' measures "
            "the bandwidth if that was not done)"
        )
        reasons.append(f"{words.capitalize()}: more than {best.label} threads {verb}: {why}.")
    return told, reasons


def _measured(info: SweepInfo, place: int) -> list[SweepPoint]:
    return [p for p in info.points if p.workloads and p.workloads[place].efficiency is not None]


def _shown_best(points: Sequence[SweepPoint], place: int) -> SweepPoint | None:
    """Return the best by its median among those shown to be faster than the first.

    The first one itself if all others were shown to be slower; else None.
    """
    faster = [p for p in points if p.workloads[place].verdict == FASTER]
    if faster:
        return max(faster, key=lambda p: p.workloads[place].median or 0.0)
    others = points[1:]
    alone = others and all(p.workloads[place].verdict == SLOWER for p in others)
    return points[0] if alone else None


def _below(one: SweepResult, best: SweepResult) -> bool:
    """Tell whether an interval lies wholly below another; the first point's is the ratio 1."""
    reach = 1.0 if one.ratio is None else one.high
    floor = 1.0 if best.ratio is None else best.low
    return reach is not None and floor is not None and reach < floor


def _limits(count: int, machine: Machine) -> list[str]:
    """Return what quota, affinity and cores say against so many threads."""
    reasons = []
    cores = len(machine.affinity) // max(1, machine.cpu.threads_per_core)
    if machine.quota_cpus is not None and count > machine.quota_cpus:
        noun = "CPU" if machine.quota_cpus == 1 else "CPUs"
        reasons.append(
            f"the cgroup's quota is {machine.quota_cpus:g} {noun}, and threads beyond it are held "
            "back in turns"
        )
    if count > len(machine.affinity):
        reasons.append(
            f"only {numbers.count(len(machine.affinity), 'CPU')} may be used, so that threads "
            "take turns while the others wait for them"
        )
    elif count > cores:
        reasons.append("two threads of one core share its arithmetic units and caches")
    return reasons


def _counted(
    best: SweepPoint, more: SweepPoint, workload: str, trials: Sequence[Trial]
) -> list[str]:
    """Return what the kernel counted while more threads than the best ran."""
    reasons = []
    held = _rate(trials, more.variant, workload, "throttled_seconds")
    if held is not None and held >= LEAST_WAIT:
        reasons.append(
            f"with {more.label} threads the quota held them back for {held:.2f} s, added over all "
            "CPUs, in each second"
        )
    few = _rate(trials, best.variant, workload, "involuntary_switches")
    many = _rate(trials, more.variant, workload, "involuntary_switches")
    if few is not None and many is not None and many > SWITCHED * max(few, 1.0):
        reasons.append(
            f"threads were taken off their CPU {many:,.0f} times a second with {more.label}, "
            f"{few:,.0f} times with {best.label}"
        )
    return reasons


def _rate(trials: Sequence[Trial], arm: str, workload: str, field: str) -> float | None:
    """Return a counter of the machine's state over the time of all trials of one point."""
    states = [t.state for t in trials if (t.arm, t.workload) == (arm, workload) and t.state]
    known = [(getattr(s, field), s.wall_seconds) for s in states if getattr(s, field) is not None]
    seconds = sum(wall for _, wall in known)
    return sum(count for count, _ in known) / seconds if seconds else None


def _bandwidth(best: SweepPoint, workload: str, roofline: Roofline) -> list[str]:
    share = next(
        (s for s in roofline.shares if (s.variant, s.workload) == (best.variant, workload)), None
    )
    if share is None or share.verdict != MEMORY_BOUND:
        return []
    read = numbers.part(share.bandwidth_share)
    return [f"{best.label} threads already read {read} of the bandwidth that the probes measured"]
