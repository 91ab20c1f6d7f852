"""Running a program under callgrind, whose cache simulation is cachegrind's.

Callgrind is taken for both: it counts the same misses and knows who called whom besides, and it can
be told to count within a function alone, which leaves loading out. A dump is written at the end of
each call of that function; the last one is of caches that the calls before it have filled.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.process import run
from llamabuild.sampling.command import with_environment
from llamabuild.store.paths import scratch_dir
from llamabuild.types.profile import SimulatedFunction

from .callgrind import BadCallgrind, read_callgrind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llamabuild.types.machine import Tool

    from .caches import SimulatedCache
    from .callgrind import CallGraph

ILLEGAL = "SIGILL"
OUTPUT = "callgrind.out"
MOST_BYTES = 1 << 30


class CannotSimulate(Exception):
    """Why nothing was simulated, in one clause with the remedy."""


class TookTooLong(CannotSimulate):
    """The program did not end in its time; another build of it would not, either."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``valgrind.toml``."""

    seconds: float
    entered: str
    tokens: dict[str, int]
    events: dict[str, tuple[str, ...]]
    refuses: dict[str, tuple[str, ...]]
    builds: dict[str, tuple[str, ...]]


class Simulated(NamedTuple):
    """What callgrind saw in the last call."""

    graph: CallGraph
    calls: int
    """Of the function that was watched, in all."""


@cache
def facts() -> Facts:
    """Return the shipped facts."""
    data = Path(__file__).with_name("valgrind.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def find_valgrind() -> Tool:
    """Return valgrind.

    Raises:
        CannotSimulate: It is not there; says what to install.
    """
    try:
        return find_tool("valgrind")
    except EnvironmentLacks as lack:
        raise CannotSimulate(str(lack)) from lack


def refused_groups(groups: Iterable[str], architecture: str) -> tuple[str, ...]:
    """Return those ISA groups of a build that valgrind cannot run."""
    patterns = facts().refuses.get(architecture, ())
    return tuple(
        group for group in groups if any(fnmatchcase(group, pattern) for pattern in patterns)
    )


def simulate(
    argv: Sequence[str],
    caches: Sequence[SimulatedCache],
    *,
    environment: Mapping[str, str],
    launcher: Sequence[str] = (),
    timeout_seconds: float | None = None,
) -> Simulated:
    """Run a program under callgrind; return its last call of the watched function.

    Raises:
        CannotSimulate: valgrind is missing, the program fails under it, or never makes the call.
    """
    tool = find_valgrind()
    entered = facts().entered
    limit = timeout_seconds or facts().seconds
    with scratch_dir("callgrind-") as folder:
        output = Path(folder) / OUTPUT
        finished = run(
            with_environment(
                [
                    *(tool.path, "--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes"),
                    *(f"--toggle-collect={entered}", f"--dump-after={entered}"),
                    *(f"--callgrind-out-file={output}", *(each.argument for each in caches)),
                    *argv,
                ],
                environment,
                launcher,
            ),
            closed=True,
            timeout_seconds=limit,
        )
        if finished.timed_out:
            message = f"did not finish within {limit:.0f} s"
            raise TookTooLong(message)
        if not finished.ok:
            raise CannotSimulate(_failure(finished.failure(), finished.stderr))
        return _last(sorted(Path(folder).glob(f"{OUTPUT}*"), key=_number))


def simulated_counts(graph: CallGraph) -> dict[str, int]:
    """Return the counts of all functions by role."""
    return {
        role: sum(graph.total(event) for event in events)
        for role, events in facts().events.items()
        if all(event in graph.events for event in events)
    }


def simulated_functions(graph: CallGraph) -> tuple[SimulatedFunction, ...]:
    """Return all functions that did anything, those with the most last-level misses first."""
    columns = [graph.index(event) for event in ("Ir", "Dr", "D1mr", "DLmr")]
    found = []
    for function, costs in graph.own.items():
        numbers = [0 if column is None else costs[column] for column in columns]
        if any(numbers):
            found.append(
                SimulatedFunction(
                    name=function.name,
                    library=function.library,
                    instructions=numbers[0],
                    reads=numbers[1],
                    l1_misses=numbers[2],
                    ll_misses=numbers[3],
                )
            )
    found.sort(key=lambda each: (-each.ll_misses, -each.l1_misses, -each.instructions, each.name))
    return tuple(found)


def _last(dumps: Sequence[Path]) -> Simulated:
    """Return the last dump in which anything was counted."""
    counted = 0
    last = None
    for dump in dumps:
        if dump.stat().st_size > MOST_BYTES:
            message = f"callgrind wrote more than {MOST_BYTES >> 20} MiB"
            raise CannotSimulate(message)
        try:
            with dump.open(encoding="utf-8", errors="replace") as lines:
                graph = read_callgrind(lines)
        except BadCallgrind as bad:
            raise CannotSimulate(str(bad)) from bad
        if graph.total("Ir"):
            counted += 1
            last = graph
    if last is None:
        message = f"the program never called {facts().entered} under valgrind"
        raise CannotSimulate(message)
    return Simulated(last, counted)


def _number(dump: Path) -> int:
    """Dumps are numbered as they come; that of the program's end has no number."""
    suffix = dump.suffix.removeprefix(".")
    return int(suffix) if suffix.isdigit() else 1 << 30


def _failure(how: str, stderr: str) -> str:
    if ILLEGAL in how or "unrecognised instruction" in stderr:
        return "valgrind does not know an instruction of this build"
    return f"under valgrind the program {how}"
