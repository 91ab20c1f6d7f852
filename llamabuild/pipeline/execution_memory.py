"""Executions that are known from earlier runs: sampling them again would say the same."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from llamabuild.sampling import settings
from llamabuild.store.paths import cache_dir
from llamabuild.types.proof import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.run import Arm, Run, Workload


def memory_key(run: Run, arm: Arm, workload: Workload) -> str:
    """Return a hash of all that decides which functions run, and of what is known about them."""
    assert arm.build is not None
    assert arm.variant is not None
    runtime = arm.variant.runtime
    inspected = hashlib.sha256(msgspec.json.encode(arm.inspections)).hexdigest()
    parts = (
        run.machine.fingerprint,  # a store may be shared, and dispatching builds pick by the CPU
        arm.build.id,
        sorted(runtime.environment.items()),
        (runtime.bench, runtime.launcher),
        arm.variant.allocator,
        run.model.sha256,
        (workload.kind, workload.tokens, workload.name),
        run.threads,
        settings(),
        inspected,
    )
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()


def remembered(key: str) -> Execution | None:
    """Return what was sampled earlier."""
    try:
        return msgspec.json.decode(_memory(key).read_bytes(), type=Execution)
    except (OSError, msgspec.DecodeError):
        return None


def remember(key: str, execution: Execution) -> None:
    """Keep what was sampled; a failure may not come again."""
    if not execution.samples:
        return
    path = _memory(key)
    fresh = path.with_suffix(".new")
    with suppress(OSError):  # it is only work saved
        fresh.write_bytes(msgspec.json.encode(execution))
        fresh.rename(path)


def _memory(key: str) -> Path:
    return cache_dir("executions") / f"{key}.json"
