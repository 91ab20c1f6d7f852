"""Whose malloc a program uses and where its memory lies: one short run outside of all timing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BuildFailed
from llamabuild.machine.smaps import read_resident
from llamabuild.machine.system import transparent_huge_pages
from llamabuild.process import run
from llamabuild.types.proof import Allocation
from llamabuild.types.run import Workload

from .bindings import allocating_libraries, debug_environment, has_loader, not_preloaded
from .dialect import dialect_of
from .llama_bench import bench_argv
from .task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.machine.smaps import Resident
    from llamabuild.process import Finished
    from llamabuild.types.variant import Runtime

WORKLOAD = Workload(name="tg1", kind="tg", tokens=1, seconds=0.0, max_repetitions=1)
REPETITIONS = 10_000
"""More than it gets to: it is ended once its memory has been seen."""
TIMEOUT_SECONDS = 300.0
SETTLED_SECONDS = 0.5
SETTLED_ANYWAY_SECONDS = 5.0
"""For a program that has less in memory than half of its model, and one that nobody can look at."""
GROWTH = 1.01
FEW_HUGE = 0.5
NO_HUGE = 0.01
"""Below this share a request for huge pages had no effect."""
WEIGHTS_PART = 8
"""What holds an eighth of the model or more holds weights: they lie in one or two mappings, by how
they are repacked, and beside them is little at one token."""
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a variant says about its malloc."""

    name: str = ""
    """The allocator's; empty: nothing is promised."""
    library: str = ""
    """File name, with or without the version behind ``.so``."""
    preloaded: bool = False
    huge: bool = False
    """It asks for huge pages."""
    only_huge: bool = False
    """Huge pages are all that it promises: its malloc is the one that everybody has."""


def prove_allocation(
    program: Path,
    runtime: Runtime,
    promise: Promise,
    *,
    model: Path,
    threads: int,
    folder: Path,
) -> Allocation:
    """Run llama-bench until its model is loaded, and look.

    Args:
        program: The llama-bench.
        runtime: As the trials have it, with what the allocator needs in its environment.
        promise: What should be seen.
        model: What it loads.
        threads: As many as the trials have.
        folder: An empty one, for the loader's notes.

    Raises:
        BuildFailed: It promises something and failed, before anything spoke against it.
    """
    dynamic = has_loader(program)
    if promise.preloaded and not dynamic:
        return Allocation(
            expected=promise.name,
            library="",
            passed=False,
            reason=f"{promise.name} cannot be preloaded: {program.name} is linked statically, "
            "without the loader that would read LD_PRELOAD",
        )
    task = Task(model=model, workload=WORKLOAD, repetitions=REPETITIONS, threads=threads)
    watch = _Memory(model.stat().st_size)
    finished = run(
        bench_argv(program, task, runtime, dialect_of(program, runtime)),
        environment={**runtime.environment, **(debug_environment(folder) if dynamic else {})},
        closed=True,
        timeout_seconds=TIMEOUT_SECONDS,
        until=watch.settled,
    )
    libraries = allocating_libraries(folder, program)
    failure = _failure(finished, promise, libraries, dynamic=dynamic)
    if promise.name and failure and failure == _crash(finished):
        raise BuildFailed(failure)
    seen = watch.most
    few = _few_huge(promise, seen) if seen else ""
    if promise.only_huge and seen and seen.huge_bytes < NO_HUGE * seen.resident_bytes:
        failure = failure or few
    return Allocation(
        expected=promise.name,
        library=", ".join(libraries),
        passed=not (failure and promise.name),
        reason=failure or few,
        resident_bytes=seen.resident_bytes if seen else None,
        huge_bytes=seen.huge_bytes if seen else None,
        weights_bytes=seen.large_bytes if seen else None,
        weights_huge_bytes=seen.large_huge_bytes if seen else None,
    )


class _Memory:
    """A process's memory while it grows, until it grows no more."""

    def __init__(self, model_bytes: int) -> None:
        self.most: Resident | None = None
        self._model_bytes = model_bytes
        self._level = 0
        self._since = time.monotonic()

    def settled(self, pid: int) -> bool:
        now = time.monotonic()
        present = read_resident(pid, self._model_bytes // WEIGHTS_PART)
        if present is not None:
            if self.most is None or present.resident_bytes >= self.most.resident_bytes:
                self.most = present
            if present.resident_bytes > GROWTH * self._level:
                self._level, self._since = present.resident_bytes, now
        loaded = 2 * self._level >= self._model_bytes
        return now - self._since >= (SETTLED_SECONDS if loaded else SETTLED_ANYWAY_SECONDS)


def _failure(
    finished: Finished, promise: Promise, libraries: tuple[str, ...], *, dynamic: bool
) -> str:
    """Return why it is not known to be what was promised, or the empty string."""
    if complaint := not_preloaded(finished.stderr):
        return complaint
    wrong = [name for name in libraries if _stem(name) != _stem(promise.library)]
    if promise.name and wrong:
        return f"malloc is that of {', '.join(wrong)}, not of {promise.library}"
    if crash := _crash(finished):
        return crash
    if not dynamic:
        return "" if not promise.name else _static(promise)
    return "" if libraries else "the loader does not tell whose malloc it is"


def _crash(finished: Finished) -> str:
    """Say how a program failed, which tells nothing about its malloc; empty if it did not."""
    if finished.ok or finished.stopped:
        return ""
    return f"{finished.argv[0].rpartition('/')[2]} {finished.failure()}"


def _static(promise: Promise) -> str:
    return f"linked statically: nothing tells whether its malloc is that of {promise.name}"


def _stem(file: str) -> str:
    return file.partition(".so")[0]


def _few_huge(promise: Promise, seen: Resident) -> str:
    if not promise.huge or seen.huge_bytes >= FEW_HUGE * seen.resident_bytes:
        return ""
    mode = transparent_huge_pages()
    why = "the system gives none" if mode == "never" else f"the system's mode is {mode}"
    return (
        f"only {seen.huge_bytes // MEBIBYTE} of {seen.resident_bytes // MEBIBYTE} MiB lie on huge "
        f"pages ({why}; weights that are mapped from the file don't count)"
    )
