"""Counters of a workload: two runs of llama-bench that differ in nothing but their repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.process import run
from llamabuild.profiling import (
    CannotCount,
    count,
    difference,
    events_of,
    uncore_events,
    usable_events,
)
from llamabuild.sampling import settings
from llamabuild.sampling.command import with_environment
from llamabuild.types.profile import COUNTED, LOST, Counters

from .watched import DidNotRun, repetitions_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llamabuild.process import Finished
    from llamabuild.profiling.counters import Counted, Event
    from llamabuild.types.profile import Count
    from llamabuild.types.run import Workload

    from .profile_subject import Subject
    from .watched import Watched

CYCLES = "cycles"
NO_HARDWARE = (
    "the CPU's counters cannot be read here (a hypervisor may keep them for itself): "
    "misses are simulated instead, unless --no-simulate"
)


class Timed(NamedTuple):
    """How fast a workload was, and what was counted meanwhile."""

    counters: Counters
    tokens_per_second: float
    threads: int


class _Unwatched(NamedTuple):
    """A program that ran with nobody looking on."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class _Counting:
    """Runs a program under ``perf stat``; see :class:`~.watched.Watcher`."""

    events: Sequence[Event]
    whole_machine: bool = False

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        threads: int,  # noqa: ARG002 - a watcher may need it
        timeout_seconds: float,
        launcher: Sequence[str],
        on_line: Callable[[str], None],
    ) -> Counted:
        return count(
            argv,
            self.events,
            environment=environment,
            launcher=launcher,
            timeout_seconds=timeout_seconds,
            whole_machine=self.whole_machine,
            on_line=on_line,
        )


def counted(subject: Subject, workload: Workload) -> Timed:
    """Time a workload and count what this machine's perf can count of it.

    Raises:
        DidNotRun: llama-bench failed.
    """
    try:
        events = usable_events(events_of(subject.machine.cpu))
        few = subject.watched(workload, _Counting(events), 1)
        repetitions = 1 + repetitions_for(few.samples_ns, settings())
        many = subject.watched(workload, _Counting(events), repetitions)
    except CannotCount as lack:
        return _uncounted(subject, workload, str(lack))
    counts = difference(few.result.counts, many.result.counts)
    traffic, why_no_traffic = _traffic(subject, workload, repetitions)
    reasons = [reason for reason in (_lacking(counts), why_no_traffic) if reason]
    counters = Counters(
        repetitions=repetitions - 1,
        seconds=median(many.samples_ns) * (repetitions - 1) / 1e9,
        counts=(*counts, *traffic),
        reason="; ".join(reasons),
    )
    return _timed(counters, workload, many)


def has_cycles(counters: Counters) -> bool:
    """Whether the CPU's own counters work, so that an event can be sampled."""
    return any(c.role == CYCLES and c.status == COUNTED for c in counters.counts)


def _timed(
    counters: Counters, workload: Workload, run_: Watched[Counted] | Watched[_Unwatched]
) -> Timed:
    speed = workload.tokens / (median(run_.samples_ns) / 1e9)
    return Timed(counters, speed, run_.threads)


def _uncounted(subject: Subject, workload: Workload, reason: str) -> Timed:
    timed = subject.watched_long_enough(workload, _unwatched)
    counters = Counters(
        repetitions=len(timed.samples_ns), seconds=sum(timed.samples_ns) / 1e9, reason=reason
    )
    return _timed(counters, workload, timed)


def _unwatched(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    threads: int,  # noqa: ARG001 - a watcher may need it
    timeout_seconds: float,
    launcher: Sequence[str],
    on_line: Callable[[str], None],
) -> _Unwatched:
    command = with_environment(argv, environment, launcher)
    return _Unwatched(run(command, closed=True, timeout_seconds=timeout_seconds, on_line=on_line))


def _lacking(counts: Sequence[Count]) -> str:
    """Name the events that this machine doesn't count; what was lost in loading may come again."""
    known = {count.role for count in counts if count.status == COUNTED}
    absent = [
        each for each in counts if each.status not in {COUNTED, LOST} and each.role not in known
    ]
    by_status: dict[str, list[str]] = {}
    for each in absent:
        by_status.setdefault(each.status, []).append(each.event)
    words = "; ".join(f"{status}: {', '.join(names)}" for status, names in by_status.items())
    if any(each.role == CYCLES for each in absent):
        return f"{NO_HARDWARE}; {words}"
    return words


def _traffic(
    subject: Subject, workload: Workload, repetitions: int
) -> tuple[tuple[Count, ...], str]:
    """Count the memory controllers' traffic, where this machine has them and they may be read."""
    events = uncore_events()
    if not events:
        return (), ""
    watcher = _Counting(events, whole_machine=True)
    try:
        few = subject.watched(workload, watcher, 1)
        many = subject.watched(workload, watcher, repetitions)
    except (CannotCount, DidNotRun) as lack:
        return (), f"memory controllers: {lack}"
    return difference(few.result.counts, many.result.counts), ""
