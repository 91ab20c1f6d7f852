"""Prove for every arm whose malloc it uses; one with another's than it promises is not measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.allocation import Promise, prove_allocation
from llamabuild.errors import BuildFailed, EnvironmentLacks
from llamabuild.machine.allocators import (
    GLIBC,
    PRELOAD,
    allocator_entry,
    allocator_environment,
    allocator_library,
)
from llamabuild.store.builds import files_folder
from llamabuild.store.paths import scratch_dir
from llamabuild.types.run import model_of

if TYPE_CHECKING:
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.run import Arm, Run
    from llamabuild.types.variant import Runtime, Variant

    from .observer import Observer

PROGRAM = "llama-bench"
WRONG_ALLOCATOR = "wrong allocator"
BENCH_FAILED = "bench failed"
LIBC = "libc.so"
TUNABLE = "GLIBC_TUNABLES"
HUGETLB = "glibc.malloc.hugetlb"


def prove_allocations(run: Run, observer: Observer, interrupts: Interrupts) -> tuple[Arm, ...]:
    """Return the arms with their allocation; those with another malloc than promised are out.

    An arm that has been proved stays as it is.

    Raises:
        Interrupted: Someone asked to stop.
    """
    proved = []
    for arm in run.arms:
        interrupts.check()
        known = arm.allocation is not None and arm.allocation.passed
        if known or arm.build is None or arm.status not in {"pending", "ready"}:
            proved.append(arm)
            continue
        proved.append(_proved(arm, files_folder(arm.build.id) / PROGRAM, run))
        if proved[-1].status in {WRONG_ALLOCATOR, BENCH_FAILED}:
            observer.note(f"{arm.name}: {proved[-1].reason}")
    return tuple(proved)


def runtime_with_allocator(variant: Variant) -> Runtime:
    """Return how a variant is run, with what its allocator needs; its own settings come last.

    It names a path of this machine and is not for the store.

    Raises:
        EnvironmentLacks: The allocator's library is not there.
    """
    environment = {**allocator_environment(variant.allocator), **variant.runtime.environment}
    return msgspec.structs.replace(variant.runtime, environment=environment)


def promise_of(variant: Variant) -> Promise:
    """Return what a variant says about its malloc; glibc's huge pages are said by a tunable."""
    name = variant.allocator.name
    if not name and HUGETLB in variant.runtime.environment.get(TUNABLE, ""):
        name = GLIBC
    if not name:
        return Promise()
    entry = allocator_entry(name)
    tunables = {**entry.environment, **variant.runtime.environment}.get(TUNABLE, "")
    return Promise(
        name=name,
        library=allocator_library(name).name if entry.is_library else LIBC,
        preloaded=entry.is_library and variant.allocator.how == PRELOAD,
        huge=entry.huge,
        # Pages of hugetlbfs, which the tunable's 2 asks for, are in no process's resident memory.
        only_huge=entry.huge and not entry.is_library and f"{HUGETLB}=1" in tunables,
    )


def _proved(arm: Arm, program: Path, run: Run) -> Arm:
    assert arm.variant is not None
    try:
        runtime, promise = runtime_with_allocator(arm.variant), promise_of(arm.variant)
    except EnvironmentLacks as error:
        return msgspec.structs.replace(arm, status="unsupported", reason=str(error))
    with scratch_dir("allocation-") as folder:
        try:
            allocation = prove_allocation(
                program,
                runtime,
                promise,
                model=Path(model_of(run, arm).path),
                threads=run.threads,
                folder=Path(folder),
            )
        except BuildFailed as error:  # says nothing about its malloc, and may not come again
            return msgspec.structs.replace(arm, status=BENCH_FAILED, reason=str(error))
    changes = {} if allocation.passed else {"status": WRONG_ALLOCATOR, "reason": allocation.reason}
    return msgspec.structs.replace(arm, allocation=allocation, **changes)
