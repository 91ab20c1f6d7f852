"""What is profiled: one build, how it is run, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.bench.task import Task
from llamabuild.sampling import settings
from llamabuild.store.builds import files_folder

from .allocation import runtime_with_allocator
from .execution import PROGRAM
from .watched import watched, watched_long_enough

if TYPE_CHECKING:
    from llamabuild.types.inputs import Model
    from llamabuild.types.machine import Machine
    from llamabuild.types.run import Arm, Workload
    from llamabuild.types.variant import Runtime

    from .watched import R, Watched, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One build, inspected, with the model and the threads that it runs with."""

    arm: Arm
    """With its build."""
    runtime: Runtime
    model: Model
    machine: Machine
    threads: int

    @property
    def program(self) -> Path:
        """Its llama-bench."""
        assert self.arm.build is not None
        return files_folder(self.arm.build.id) / PROGRAM

    def task(self, workload: Workload, repetitions: int = 1, threads: int = 0) -> Task:
        """Return what one process is to do."""
        return Task(
            model=Path(self.model.path),
            workload=workload,
            repetitions=repetitions,
            threads=threads or self.threads,
        )

    def watched(self, workload: Workload, watcher: Watcher[R], repetitions: int) -> Watched[R]:
        """Run some repetitions while a watcher looks on; raises as :func:`watched`."""
        return watched(
            self.program, self.task(workload, repetitions), self.runtime, watcher, settings()
        )

    def watched_long_enough(self, workload: Workload, watcher: Watcher[R]) -> Watched[R]:
        """Run as many repetitions as it takes; raises as :func:`watched_long_enough`."""
        return watched_long_enough(
            self.program, self.task(workload), self.runtime, watcher, settings()
        )


def subject_of(arm: Arm, model: Model, machine: Machine, threads: int) -> Subject:
    """Return the subject of an arm that is built.

    Raises:
        BadInput: Its variant names an allocator that nobody knows.
        EnvironmentLacks: Its allocator is not there.
    """
    assert arm.variant is not None
    runtime = runtime_with_allocator(arm.variant)
    return Subject(arm=arm, runtime=runtime, model=model, machine=machine, threads=threads)
