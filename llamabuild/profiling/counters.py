"""Which events are counted, and counting them with ``perf stat``.

Loading, repacking and warming up are no part of a workload, so that a program is counted twice,
with few and with many repetitions: :func:`difference` is what the further repetitions cost.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.process import run
from llamabuild.sampling.command import with_environment
from llamabuild.store.paths import scratch_dir
from llamabuild.types.profile import COUNTED, LOST, NOT_COUNTED, NOT_SUPPORTED, Count

from .stat_output import BadStat, plain_event, read_stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from llamabuild.process import Finished
    from llamabuild.types.machine import Cpu

DEVICES = Path("/sys/bus/event_source/devices")
PROBE_SECONDS = 20.0
TEXT_BYTES = 1 << 20


class CannotCount(Exception):
    """``perf stat`` does not work here; says why in one clause, with the remedy."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event and what it is counted for."""

    role: str
    event: str
    on: tuple[str, ...] = ()
    user: bool = True
    device: str = ""

    @property
    def asked(self) -> str:
        """As perf is asked for it."""
        return f"{self.event}:u" if self.user and not self.device else self.event


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``counters.toml``."""

    events: tuple[Event, ...]
    uncore: tuple[Event, ...]


class Counted(NamedTuple):
    """A program that ran to its end, counted."""

    finished: Finished
    counts: tuple[Count, ...]


@cache
def facts() -> Facts:
    """Return the shipped events."""
    data = Path(__file__).with_name("counters.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def events_of(cpu: Cpu) -> tuple[Event, ...]:
    """Return the events that a CPU is asked for."""
    mine = {cpu.vendor, cpu.architecture}
    return tuple(event for event in facts().events if not event.on or mine & set(event.on))


def uncore_events(devices: Path = DEVICES) -> tuple[Event, ...]:
    """Return what the memory controllers of this machine can count; mostly nothing in a VM."""
    return tuple(event for event in facts().uncore if any(devices.glob(event.device)))


def usable_events(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return those events whose names this perf understands.

    Raises:
        CannotCount: perf is missing, or may not count anything.
    """
    perf, _ = _perf()
    whole = _tried(perf, tuple(event.asked for event in events))
    if not whole:
        return tuple(events)
    usable = tuple(event for event in events if not _tried(perf, (event.asked,)))
    if not usable:
        message = f"perf stat counts nothing here ({whole})"
        raise CannotCount(message)
    return usable


def count(
    argv: Sequence[str],
    events: Sequence[Event],
    *,
    environment: Mapping[str, str],
    timeout_seconds: float,
    launcher: Sequence[str] = (),
    whole_machine: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> Counted:
    """Run a program under ``perf stat``, in a closed environment with some variables.

    Args:
        argv: Program and arguments.
        events: Of :func:`usable_events`.
        environment: The program's alone, not perf's.
        timeout_seconds: Of the program.
        launcher: What starts it, such as ``taskset -c 0``.
        whole_machine: Count what all programs do meanwhile; memory controllers know no programs.
        on_line: Called with each line that it prints.

    Raises:
        CannotCount: perf is missing, or wrote what cannot be read.
    """
    perf, form = _perf()
    names = [word for event in events for word in ("-e", event.asked)]
    with scratch_dir("stat-") as folder:
        file = Path(folder) / "counts"
        finished = run(
            [
                *(perf, "stat", *form, "-o", str(file), *(["-a"] if whole_machine else [])),
                *(*names, "--", *with_environment(argv, environment, launcher)),
            ],
            closed=True,
            timeout_seconds=timeout_seconds,
            on_line=on_line,
        )
        text = _text(file)
    if not finished.ok:
        return Counted(finished, ())
    try:
        return Counted(finished, counts_of(events, text))
    except BadStat as bad:
        raise CannotCount(str(bad)) from bad


def counts_of(events: Iterable[Event], text: str) -> tuple[Count, ...]:
    """Return one count for each event, from what ``perf stat`` wrote.

    A CPU with two kinds of cores has one row for each kind, which are added up.

    Raises:
        BadStat: It wrote something else.
    """
    rows = read_stat(text)
    found = []
    for event in events:
        mine = [row for row in rows if plain_event(row.event) == plain_event(event.event)]
        counted = [row for row in mine if row.value is not None]
        absent = {row.status for row in mine} or {NOT_COUNTED}
        found.append(
            Count(
                role=event.role,
                event=event.event,
                value=sum(row.value or 0.0 for row in counted) if counted else None,
                unit=next((row.unit for row in counted), ""),
                running=min((row.running for row in counted), default=0.0),
                status=COUNTED if counted else max(absent, key=[NOT_COUNTED, NOT_SUPPORTED].index),
            )
        )
    return tuple(found)


def difference(few: Iterable[Count], many: Iterable[Count]) -> tuple[Count, ...]:
    """Return the counts of the repetitions that one run has more than another.

    Where a count did not grow, what loading makes it vary by is larger than what is looked for.
    """
    before = {(count.role, count.event): count for count in few}
    return tuple(_less(count, before.get((count.role, count.event))) for count in many)


def _less(many: Count, few: Count | None) -> Count:
    if many.value is None or few is None or few.value is None:
        status = NOT_COUNTED if many.status == COUNTED else many.status
        return msgspec.structs.replace(many, value=None, running=0.0, status=status)
    running = min(many.running, few.running)
    if many.value < few.value:
        return msgspec.structs.replace(many, value=None, running=running, status=LOST)
    return msgspec.structs.replace(many, value=many.value - few.value, running=running)


@cache
def _perf() -> tuple[str, tuple[str, ...]]:
    """Return perf and how it is asked for output that programs can read.

    Raises:
        CannotCount: It is missing, or may not count.
    """
    try:
        perf = find_tool("perf").path
    except EnvironmentLacks as lack:
        raise CannotCount(str(lack)) from lack
    reason = ""
    for form in (("-j",), ("-x", ",")):
        reason = _tried(perf, ("task-clock",), form)
        if not reason:
            return perf, form
    message = f"perf stat counts nothing here ({reason})"
    raise CannotCount(message)


@cache
def _tried(perf: str, events: tuple[str, ...], form: tuple[str, ...] = ()) -> str:
    """Return the reason why perf does not count some events, empty when it does."""
    names = [word for event in events for word in ("-e", event)]
    with scratch_dir("stat-") as folder:
        output = str(Path(folder) / "counts")
        finished = run(
            [perf, "stat", *form, "-o", output, *names, "--", perf, "--version"],
            closed=True,
            timeout_seconds=PROBE_SECONDS,
        )
    if finished.ok:
        return ""
    lines = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    return next((line for line in lines if line != "Error:"), finished.failure())


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(TEXT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
