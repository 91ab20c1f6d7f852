"""Which kernels really run: every arm sampled once on each workload, joined with its inspection.

Only the workload counts, not loading, repacking and warming up, which in a short run take longer
than what is measured. llama-bench prints a test's result the moment its last repetition ends, and
how long each repetition took is in it: the workload is the stretch of that length before the line
arrived. Clearing the KV cache between repetitions shifts its beginning, never into the warm-up.

Where other processes take the CPUs, threads wait for those that don't get one: shares of waiting
are then those of that moment, and are not kept for later runs.
"""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.bench.dialect import dialect_of
from llamabuild.bench.llama_bench import BadOutput, Task, program_argv, read_output
from llamabuild.bench.noise import disturbed
from llamabuild.machine.state import StateMeter
from llamabuild.sampling import CannotSample, located, record, settings
from llamabuild.store.builds import files_folder
from llamabuild.types.proof import Execution

from .allocation import runtime_with_allocator
from .execution_join import functions, libraries, loaded
from .execution_memory import memory_key, remember, remembered

if TYPE_CHECKING:
    from llamabuild.interrupts import Interrupts
    from llamabuild.sampling import Recording
    from llamabuild.types.machine import MachineState
    from llamabuild.types.run import Arm, Run, Workload
    from llamabuild.types.variant import Runtime

    from .observer import Observer

PROGRAM = "llama-bench"
RESULT = '"samples_ns"'
"""In the line of llama-bench's output that ends a test."""


class _NotSampled(Exception):
    """Why an arm's workload has no execution; one clause."""


class _Sampled(NamedTuple):
    recording: Recording
    begin_ns: int
    end_ns: int
    samples_ns: tuple[int, ...]
    state: MachineState


def prove_executions(run: Run, observer: Observer, interrupts: Interrupts) -> tuple[Arm, ...]:
    """Return the arms, the ready ones with one execution for each workload.

    What cannot be sampled has its reason in the execution; nothing is raised for it.

    Raises:
        Interrupted: Someone asked to stop.
    """
    arms = []
    for arm in run.arms:
        proved = arm
        names = [execution.workload for execution in arm.executions]
        if arm.status == "ready" and arm.variant and names != [w.name for w in run.workloads]:
            executions = []
            for workload in run.workloads:
                interrupts.check()
                executions.append(_remembered_execution(run, arm, workload, observer))
            proved = msgspec.structs.replace(arm, executions=tuple(executions))
        arms.append(proved)
    return tuple(arms)


def _remembered_execution(run: Run, arm: Arm, workload: Workload, observer: Observer) -> Execution:
    key = memory_key(run, arm, workload)
    found = remembered(key)
    if found is None:
        observer.note(f"sampling {arm.name} on {workload.name}")
        found, state = _execution(run, arm, workload)
        reason = disturbed([state], run.machine.cpu.logical_cpus) if state else ""
        if reason:
            observer.note(f"{reason}: the shares of {workload.name} are not kept for later runs")
        else:
            remember(key, found)
    return found


def _execution(run: Run, arm: Arm, workload: Workload) -> tuple[Execution, MachineState | None]:
    """Return what ran, and the state of the machine meanwhile if anything did."""
    assert arm.build is not None
    assert arm.variant is not None
    program = files_folder(arm.build.id) / PROGRAM
    task = Task(model=Path(run.model.path), workload=workload, repetitions=1, threads=run.threads)
    nothing = Execution(workload=workload.name, method="", samples=0)
    try:
        sampled = _sampled_long_enough(program, task, runtime_with_allocator(arm.variant))
    except (CannotSample, _NotSampled) as lack:
        return msgspec.structs.replace(nothing, reason=str(lack)), None
    recording = sampled.recording
    nothing = msgspec.structs.replace(nothing, loaded=loaded(recording.mappings))
    places = located(recording, sampled.begin_ns, sampled.end_ns)
    if places.total() < settings().least_samples:
        reason = f"only {places.total()} samples by {recording.method}"
        return msgspec.structs.replace(nothing, reason=reason), sampled.state
    found = msgspec.structs.replace(
        nothing,
        method=recording.method,
        samples=places.total(),
        functions=functions(places, arm.inspections, program.parent),
        libraries=libraries(places),
    )
    return found, sampled.state


def _sampled_long_enough(program: Path, task: Task, runtime: Runtime) -> _Sampled:
    """Sample one repetition, and if that is too short, as many as it takes."""
    sampled = _sampled(program, task, runtime)
    once = sum(sampled.samples_ns) / 1e9
    wanted = min(ceil(settings().seconds / once), settings().max_repetitions)
    if wanted == 1:
        return sampled
    longer = Task(
        model=task.model, workload=task.workload, repetitions=wanted, threads=task.threads
    )
    return _sampled(program, longer, runtime)


def _sampled(program: Path, task: Task, runtime: Runtime) -> _Sampled:
    """Run llama-bench once under a sampler.

    Raises:
        CannotSample: There is no way to.
        _NotSampled: llama-bench failed.
    """
    ends: list[int] = []

    def on_line(line: str) -> None:
        if RESULT in line:
            ends.append(time.monotonic_ns())

    dialect = dialect_of(program, runtime)
    meter = StateMeter()
    recording = record(
        program_argv(program, task, runtime, dialect),
        launcher=runtime.launcher,
        environment=runtime.environment,
        threads=task.threads,
        timeout_seconds=settings().timeout_seconds,
        on_line=on_line,
    )
    state = meter.finish(recording.finished.usage, recording.finished.wall_seconds)
    if not recording.finished.ok:
        message = f"llama-bench {recording.finished.failure()}"
        raise _NotSampled(message)
    try:
        samples_ns = read_output(recording.finished.stdout, task, dialect).samples_ns
    except BadOutput as bad:
        raise _NotSampled(str(bad)) from bad
    end_ns = ends[-1] if ends else time.monotonic_ns()
    return _Sampled(recording, end_ns - sum(samples_ns), end_ns, samples_ns, state)
