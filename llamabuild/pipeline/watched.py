"""llama-bench run once while something looks on: a sampler, counters, or nobody.

Only the workload counts, not loading, repacking and warming up, which in a short run take longer
than what is measured. llama-bench prints a test's result the moment its last repetition ends, and
how long each repetition took is in it: the workload is the stretch of that length before the line
arrived. Clearing the KV cache between repetitions shifts its beginning, never into the warm-up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from llamabuild.bench.dialect import dialect_of
from llamabuild.bench.llama_bench import program_argv, read_output
from llamabuild.bench.task import BadOutput
from llamabuild.machine.state import StateMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from llamabuild.bench.task import Task
    from llamabuild.process import Finished
    from llamabuild.sampling.settings import Settings
    from llamabuild.types.machine import MachineState
    from llamabuild.types.variant import Runtime

RESULT = '"samples_ns"'
"""In the line of llama-bench's output that ends a test."""


class DidNotRun(Exception):
    """Why a workload did not run to its end; one clause."""


class Ended(Protocol):
    """What a watcher brings home, with the program that it watched."""

    @property
    def finished(self) -> Finished:
        """The program."""


R = TypeVar("R", bound=Ended)
R_co = TypeVar("R_co", bound=Ended, covariant=True)


class Watcher(Protocol[R_co]):
    """Runs a program and looks on, as :func:`llamabuild.sampling.record` does."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        threads: int,
        timeout_seconds: float,
        launcher: Sequence[str],
        on_line: Callable[[str], None],
    ) -> R_co:
        """Run it to its end."""


@dataclass(frozen=True, slots=True)
class Watched(Generic[R]):
    """A workload that ran to its end."""

    result: R
    begin_ns: int
    """Of CLOCK_MONOTONIC, as ``end_ns``: the repetitions."""
    end_ns: int
    samples_ns: tuple[int, ...]
    """Duration of each repetition."""
    state: MachineState
    threads: int
    """As llama-bench printed it, since a variant may set its own."""


def watched_long_enough(
    program: Path, task: Task, runtime: Runtime, watcher: Watcher[R], how: Settings
) -> Watched[R]:
    """Watch the task's repetitions, and if that is too short, as many as it takes.

    Raises:
        DidNotRun: llama-bench failed.
    """
    once = watched(program, task, runtime, watcher, how)
    wanted = repetitions_for(once.samples_ns, how)
    if wanted <= task.repetitions:
        return once
    return watched(program, replace(task, repetitions=wanted), runtime, watcher, how)


def repetitions_for(samples_ns: Sequence[int], how: Settings) -> int:
    """Return how many repetitions fill the time that should be watched."""
    each = sum(samples_ns) / len(samples_ns) / 1e9
    return min(ceil(how.seconds / each), how.max_repetitions)


def watched(
    program: Path, task: Task, runtime: Runtime, watcher: Watcher[R], how: Settings
) -> Watched[R]:
    """Run llama-bench once while the watcher looks on.

    Raises:
        DidNotRun: llama-bench failed, or said what is no measurement.
    """
    ends: list[int] = []

    def on_line(line: str) -> None:
        if RESULT in line:
            ends.append(time.monotonic_ns())

    dialect = dialect_of(program, runtime)
    meter = StateMeter()
    result = watcher(
        program_argv(program, task, runtime, dialect),
        launcher=runtime.launcher,
        environment=runtime.environment,
        threads=task.threads,
        timeout_seconds=how.timeout_seconds,
        on_line=on_line,
    )
    finished = result.finished
    state = meter.finish(finished.usage, finished.wall_seconds)
    if not finished.ok:
        message = f"llama-bench {finished.failure()}"
        raise DidNotRun(message)
    try:
        measured = read_output(finished.stdout, task, dialect)
    except BadOutput as bad:
        raise DidNotRun(str(bad)) from bad
    end_ns = ends[-1] if ends else time.monotonic_ns()
    printed = measured.output.get("n_threads")
    return Watched(
        result=result,
        begin_ns=end_ns - sum(measured.samples_ns),
        end_ns=end_ns,
        samples_ns=measured.samples_ns,
        state=state,
        threads=printed if isinstance(printed, int) and printed > 0 else task.threads,
    )
