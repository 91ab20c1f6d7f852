"""How large the KV cache of each arm is, and which cannot fit into this machine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.speculative import DRAFT
from llamabuild.types.kv_cache import kv_cache_bytes
from llamabuild.variants.bench_options import by_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.inputs import Model
    from llamabuild.types.run import Arm, Run, Sweep, Workload
    from llamabuild.types.variant import Runtime

DEPTH, KEYS, VALUES = "-d", "-ctk", "-ctv"
SIZED_BY = frozenset({"depth", "kv-cache", "parallel"})
"""Axes on which the KV cache depends."""
USABLE = 0.9
"""Share of the memory that one program can have before the machine swaps or kills."""


def with_cache_sizes(
    sweep: Sweep | None, arms: Sequence[Arm], model: Model, workloads: Sequence[Workload]
) -> Sweep | None:
    """Return a sweep whose points know their KV cache, where an axis changes it."""
    if sweep is None or not SIZED_BY & {axis.setting for axis in sweep.axes}:
        return sweep
    runtimes = {arm.name: arm.variant.runtime for arm in arms if arm.variant}
    points = tuple(
        msgspec.structs.replace(
            point, kv_cache_bytes=_cache(runtimes[point.variant], model, workloads)
        )
        if point.variant in runtimes
        else point
        for point in sweep.points
    )
    return msgspec.structs.replace(sweep, points=points)


def without_the_too_large(run: Run, arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Return the arms; those whose weights and KV cache exceed the memory say so."""
    return tuple(_fitted(arm, run) for arm in arms)


def _fitted(arm: Arm, run: Run) -> Arm:
    memory = run.machine.memory_bytes
    if arm.status != "pending" or arm.variant is None or not memory:
        return arm
    runtime = arm.variant.runtime
    if DEPTH not in by_option(runtime.bench) and not runtime.program:
        return arm
    cache = _cache(runtime, run.model, run.workloads)
    guesses = run.draft.size_bytes if run.draft and runtime.mode == DRAFT else 0
    if cache is None or run.model.size_bytes + guesses + cache <= USABLE * memory:
        return arm
    need = (run.model.size_bytes + guesses + cache) / 1e9
    reason = f"model and KV cache need {need:,.1f} GB, this machine has {memory / 1e9:,.1f}"
    return msgspec.structs.replace(arm, status="unsupported", reason=reason)


def _cache(runtime: Runtime, model: Model, workloads: Sequence[Workload]) -> int | None:
    options = by_option(runtime.bench)
    depth = "".join(options.get(DEPTH, ("0",)))
    if not depth.isdecimal():
        return None
    keys, values = ("".join(options.get(name, ("f16",))) for name in (KEYS, VALUES))
    positions = int(depth) + max(workload.tokens for workload in workloads)
    each = kv_cache_bytes(model, positions, keys, values)
    # Of the other programs' modes, llama-batched-bench's is a number: of caches of that size.
    return each and each * (int(runtime.mode) if runtime.mode.isdecimal() else 1)
