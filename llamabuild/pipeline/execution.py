"""Which kernels really run: every arm sampled once on each workload, joined with its inspection.

Where other processes take the CPUs, threads wait for those that don't get one: shares of waiting
are then those of that moment, and are not kept for later runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.noise import disturbed
from llamabuild.bench.task import Task
from llamabuild.sampling import CannotSample, located, record, settings
from llamabuild.store.builds import files_folder
from llamabuild.types.proof import Execution
from llamabuild.types.run import model_of

from .allocation import runtime_with_allocator
from .execution_join import functions, libraries, loaded
from .execution_memory import memory_key, remember, remembered
from .watched import DidNotRun, watched_long_enough

if TYPE_CHECKING:
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.machine import MachineState
    from llamabuild.types.run import Arm, Run, Workload

    from .observer import Observer

PROGRAM = "llama-bench"


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
    model = Path(model_of(run, arm).path)
    task = Task(model=model, workload=workload, repetitions=1, threads=run.threads)
    nothing = Execution(workload=workload.name, method="", samples=0)
    try:
        sampled = watched_long_enough(
            program, task, runtime_with_allocator(arm.variant), record, settings()
        )
    except (CannotSample, DidNotRun) as lack:
        return msgspec.structs.replace(nothing, reason=str(lack)), None
    recording = sampled.result
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
