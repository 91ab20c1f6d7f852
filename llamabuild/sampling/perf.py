"""perf, sampling by the CPU clock: needs no hardware counters, but the kernel's permission.

Where the CPU counts events, one of them may be taken instead of the clock.

Only user space is sampled, which is all that an unprivileged user may see. perf is asked for raw
addresses and for what was mapped where; symbols are looked up afterwards, the same way for every
method, so that perf's own reading of symbol tables has no say.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.process import run
from llamabuild.store.paths import scratch_dir

from .command import with_environment
from .recording import CannotSample, Mapping, Recording, Sample
from .settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Mapping as Variables

CLOCK = "cpu-clock:u"
METHOD = "perf cpu-clock"
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
PROBE_SECONDS = 20.0
SCRIPT_SECONDS = 300.0
LARGEST_RECORDING = "256M"

SAMPLE = re.compile(r"\s*(\d+)/\d+\s+(\d+)\.(\d+):\s+([0-9a-f]+)\s*")
MAPPED = re.compile(
    r"\s*\d+/\d+\s+(\d+)\.(\d+):\s+PERF_RECORD_MMAP2? (-?\d+)/-?\d+: "
    r"\[(?:0x)?([0-9a-f]+)\((?:0x)?([0-9a-f]+)\) @ (?:0x)?([0-9a-f]+)[^]]*\]: \S+ (.*)"
)
OTHER = re.compile(r".*\bPERF_RECORD_\w+")


def record_with_perf(
    argv: Sequence[str],
    *,
    environment: Variables[str, str],
    threads: int,
    timeout_seconds: float,
    launcher: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
    event: str = CLOCK,
) -> Recording:
    """Run a program under perf, in a closed environment with some variables.

    Args:
        argv: Program and arguments.
        environment: The program's alone, not perf's.
        threads: How many threads it computes with, for the rate.
        timeout_seconds: Of the program.
        launcher: What starts it, such as ``taskset -c 0``.
        on_line: Called with each line that it prints.
        event: What a sample is taken at; one that was seen to be counted, as perf silently takes
            the clock for cycles that it can't count.

    Raises:
        CannotSample: perf is missing, is not permitted, or says what cannot be read.
    """
    perf = usable_perf()
    method = METHOD if event == CLOCK else f"perf {event.partition(':')[0]}"
    with scratch_dir("perf-") as folder:
        data = str(Path(folder) / "perf.data")
        finished = run(
            [
                *recorder(perf, data, frequency(threads), event),
                *("--", *with_environment(argv, environment, launcher)),
            ],
            closed=True,
            timeout_seconds=timeout_seconds,
            on_line=on_line,
        )
        if not finished.ok:
            return Recording(method, finished, (), ())
        mappings, samples = _read(perf, data)
    return Recording(method, finished, mappings, samples)


def usable_perf() -> str:
    """Return perf's path; a trial recording has worked.

    Raises:
        CannotSample: Why it did not.
    """
    path, reason = _tried_perf()
    if reason:
        raise CannotSample(reason)
    return path


@cache
def _tried_perf() -> tuple[str, str]:
    """Path, and why it is of no use."""
    try:
        perf = find_tool("perf").path
    except EnvironmentLacks as lack:
        return "", lack.message
    with scratch_dir("perf-") as folder:
        data = str(Path(folder) / "perf.data")
        tried = run(
            [*recorder(perf, data, settings().most), "--", perf, "--version"],
            closed=True,
            timeout_seconds=PROBE_SECONDS,
        )
        if not tried.ok:
            return perf, f"perf may not sample here{_paranoid()}"
        try:
            mappings, _ = _read(perf, data)
        except CannotSample as lack:
            return perf, str(lack)
    return perf, "" if mappings else "perf records nothing here"


def recorder(perf: str, data: str, rate: int, event: str = CLOCK) -> list[str]:
    """Return the command that records, up to its own last options.

    -N and -B keep perf from copying every library into the user's home folder.
    """
    return [
        *(perf, "record", "-q", "-N", "-B", "-o", data, "--max-size", LARGEST_RECORDING),
        *("-e", event, "-F", str(rate), "-k", "CLOCK_MONOTONIC"),
    ]


def frequency(threads: int) -> int:
    """Return samples a second for each thread."""
    wanted = settings().samples_per_second // max(threads, 1)
    return min(max(wanted, settings().fewest), settings().most)


def _paranoid() -> str:
    try:
        return f" (perf_event_paranoid is {PARANOID.read_text('ascii').strip()})"
    except OSError:
        return ""


def _read(perf: str, data: str) -> tuple[list[Mapping], list[Sample]]:
    reader = ScriptReader()
    finished = run(
        [*(perf, "script", "-i", data, "--ns", "--show-mmap-events", "-F", "pid,tid,time,ip")],
        closed=True,
        timeout_seconds=SCRIPT_SECONDS,
        output_limit=1 << 16,
        on_line=reader.take,
    )
    if not finished.ok:
        message = f"perf script {finished.failure()}"
        raise CannotSample(message)
    return reader.mappings, reader.samples


class ScriptReader:
    """Reads what ``perf script`` prints, line by line."""

    def __init__(self) -> None:
        self.mappings: list[Mapping] = []
        self.samples: list[Sample] = []

    def take(self, line: str) -> None:
        """Take one line.

        Raises:
            CannotSample: It is neither a sample nor an event, or there are too many.
        """
        if sample := SAMPLE.fullmatch(line):
            process, seconds, fraction, address = sample.groups()
            if len(self.samples) >= settings().most_samples:
                message = f"perf recorded more than {settings().most_samples} samples"
                raise CannotSample(message)
            self.samples.append(Sample(_ns(seconds, fraction), int(process), int(address, 16)))
        elif mapped := MAPPED.fullmatch(line):
            seconds, fraction, process, start, size, offset, path = mapped.groups()
            first = int(start, 16)
            end = first + int(size, 16)
            since = _ns(seconds, fraction)
            self.mappings.append(Mapping(since, int(process), first, end, int(offset, 16), path))
        elif line.strip() and not OTHER.match(line):
            message = f"perf script printed what is no sample: {line[:80]!r}"
            raise CannotSample(message)


def _ns(seconds: str, fraction: str) -> int:
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
