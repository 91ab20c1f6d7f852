"""Executions that are known from earlier runs: sampling them again would say the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from llamabuild.sampling import settings
from llamabuild.store.remembered import keep, key_of, recall
from llamabuild.types.proof import Execution
from llamabuild.types.run import model_of

if TYPE_CHECKING:
    from llamabuild.types.run import Arm, Run, Workload

MEMORY = "executions"


def memory_key(run: Run, arm: Arm, workload: Workload) -> str:
    """Return a hash of all that decides which functions run, and of what is known about them."""
    assert arm.build is not None
    assert arm.variant is not None
    runtime = arm.variant.runtime
    inspected = hashlib.sha256(msgspec.json.encode(arm.inspections)).hexdigest()
    return key_of(
        run.machine.fingerprint,  # a store may be shared, and dispatching builds pick by the CPU
        arm.build.id,
        sorted(runtime.environment.items()),
        (runtime.bench, runtime.launcher, *sorted(runtime.threads.items())),
        arm.variant.allocator,
        model_of(run, arm).sha256,
        (workload.kind, workload.tokens, workload.name),
        run.threads,
        settings(),
        inspected,
    )


def remembered(key: str) -> Execution | None:
    """Return what was sampled earlier."""
    return recall(MEMORY, key, Execution)


def remember(key: str, execution: Execution) -> None:
    """Keep what was sampled; a failure may not come again."""
    if execution.samples:
        keep(MEMORY, key, execution)
