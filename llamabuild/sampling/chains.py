"""Who called whom: call chains by perf, unwound from copies of the stack.

llama.cpp is built without frame pointers, so that perf copies the top of the stack at each sample
and unwinds it by the tables that every program has for its exceptions. Where perf was built without
an unwinder, or may not sample, there are no chains. Names are perf's own, since it prints places of
chains as offsets in files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.process import run
from llamabuild.store.paths import scratch_dir

from .command import with_environment
from .perf import SCRIPT_SECONDS, frequency, recorder, usable_perf
from .recording import CannotSample
from .settings import settings
from .symbols import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llamabuild.process import Finished

STACK_BYTES = 16384
"""Copied at each sample; deep enough for the path from a batch to a kernel."""
SELDOM = 2
"""Chains are taken so many times more seldom than plain samples, because of the copies."""
HEAD = re.compile(r"\s*\d+/\d+\s+(\d+)\.(\d+):\s*")
FRAME = re.compile(r"\s+[0-9a-f]+ (.*) \((.*)\)\s*")
DEEPEST = 127
"""Frames, as perf itself has it by default."""


class Chain(NamedTuple):
    """Where a thread was at one moment, and by which calls it got there."""

    time_ns: int
    """Of CLOCK_MONOTONIC."""
    frames: tuple[str, ...]
    """Functions, outermost first; library in brackets where perf knows no name."""


class ChainRecording(NamedTuple):
    """A program that ran to its end while chains were recorded."""

    finished: Finished
    chains: Sequence[Chain]


def record_chains(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    threads: int,
    timeout_seconds: float,
    launcher: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
) -> ChainRecording:
    """Run a program under perf; arguments as :func:`~.perf.record_with_perf`.

    Raises:
        CannotSample: perf is missing, is not permitted, or cannot unwind.
    """
    perf = usable_perf()
    with scratch_dir("perf-") as folder:
        data = str(Path(folder) / "perf.data")
        finished = run(
            [
                *recorder(perf, data, max(frequency(threads) // SELDOM, 1)),
                *("--call-graph", f"dwarf,{STACK_BYTES}"),
                *("--", *with_environment(argv, environment, launcher)),
            ],
            closed=True,
            timeout_seconds=timeout_seconds,
            on_line=on_line,
        )
        if not finished.ok:
            return ChainRecording(finished, ())
        reader = ChainReader()
        printed = run(
            [*(perf, "script", "-i", data, "--ns", "--no-inline"), "-F", "pid,tid,time,ip,sym,dso"],
            closed=True,
            timeout_seconds=SCRIPT_SECONDS,
            output_limit=1 << 16,
            on_line=reader.take,
        )
    if not printed.ok:
        message = f"perf script {printed.failure()}"
        raise CannotSample(message)
    chains = reader.finish()
    if all(len(chain.frames) < 2 for chain in chains):  # noqa: PLR2004 - no caller anywhere
        message = "perf unwinds no stacks here"
        raise CannotSample(message)
    return ChainRecording(finished, chains)


class ChainReader:
    """Reads what ``perf script`` prints of chains: a head, its frames innermost first, a blank."""

    def __init__(self) -> None:
        self._chains: list[Chain] = []
        self._time_ns = 0
        self._frames: list[str] = []

    def take(self, line: str) -> None:
        """Take one line.

        Raises:
            CannotSample: It is no part of a chain, or there are too many.
        """
        if frame := FRAME.fullmatch(line):
            if len(self._frames) < DEEPEST:
                self._frames.append(_name(*frame.groups()))
        elif head := HEAD.fullmatch(line):
            self._close()
            seconds, fraction = head.groups()
            self._time_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
        elif line.strip():
            message = f"perf script printed what is no call chain: {line[:80]!r}"
            raise CannotSample(message)
        else:
            self._close()

    def finish(self) -> list[Chain]:
        """Return all chains."""
        self._close()
        return self._chains

    def _close(self) -> None:
        if not self._frames:
            return
        if len(self._chains) >= settings().most_samples:
            message = f"perf recorded more than {settings().most_samples} samples"
            raise CannotSample(message)
        self._chains.append(Chain(self._time_ns, tuple(reversed(self._frames))))
        self._frames = []


def _name(symbol: str, file: str) -> str:
    """Return the function, without the offset that perf may add; else the library in brackets."""
    name = re.sub(r"\+0x[0-9a-f]+$", "", symbol.strip())
    if name not in {"", UNKNOWN}:
        return name
    return file if file.startswith("[") else f"[{Path(file).name}]"
