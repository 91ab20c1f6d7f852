"""From a task to the command of one process and to what it measured, by the program that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from . import batched_bench, completion, speculative
from .common import common_argv, lacking_words
from .dialect import dialect_of, translated
from .llama_bench import bench_argv, read_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.process import Finished
    from llamabuild.types.variant import Runtime

    from .task import Measured, Task


class Driver(Protocol):
    """What a program needs to be told beside model, threads and the variant's own arguments."""

    OPTIONS: tuple[str, ...]
    """Those that older trees lack."""

    def arguments(self, task: Task, mode: str) -> list[str]:
        """Return its arguments for a task."""

    def read(self, finished: Finished, task: Task, mode: str) -> Measured:
        """Return what it measured; raises BadOutput."""


DRIVERS: dict[str, Driver] = {
    "llama-batched-bench": batched_bench,
    "llama-completion": completion,
    "llama-speculative-simple": speculative,
}


@dataclass(frozen=True, slots=True)
class Command:
    """One process."""

    argv: list[str]
    read: Callable[[Finished], Measured]
    """Raises BadOutput."""


def command_of(program: Path, task: Task, runtime: Runtime) -> Command:
    """Return how a program is asked for a task; llama-bench in its own dialect."""
    if not runtime.program:
        dialect = dialect_of(program, runtime)
        return Command(
            bench_argv(program, task, runtime, dialect),
            lambda finished: read_output(finished.stdout, task, dialect),
        )
    driver, mode = DRIVERS[runtime.program], runtime.mode
    return Command(
        [*common_argv(program, task, runtime), *driver.arguments(task, mode)],
        lambda finished: driver.read(finished, task, mode),
    )


def lacking_options(program: Path, runtime: Runtime) -> tuple[str, ...]:
    """Return what a program has no words for, of the variant's arguments and its driver's."""
    if not runtime.program:
        return translated(runtime.bench, dialect_of(program, runtime)).unknown
    return lacking_words(program, runtime, DRIVERS[runtime.program].OPTIONS)
