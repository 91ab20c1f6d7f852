"""How large the KV cache of each arm is, and what cannot fit: into memory, into the context."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.speculative import DRAFT
from llamabuild.errors import EnvironmentLacks
from llamabuild.types.kv_cache import kv_cache_bytes
from llamabuild.types.run import model_of
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


def check_model_fits(model: Model, memory_bytes: int) -> None:
    """Refuse a model that this machine cannot hold, before it is loaded.

    Mapped weights would be read from disk again for each token, which says nothing about a build.

    Args:
        model: Any GGUF file.
        memory_bytes: The machine's or the cgroup's; 0 where it is not known.

    Raises:
        EnvironmentLacks: It is too big.
    """
    if not memory_bytes or model.size_bytes <= USABLE * memory_bytes:
        return
    need, have = model.size_bytes / 1e9, memory_bytes / 1e9
    message = f"{model.name} has {need:,.1f} GB, this machine {have:,.1f} GB of memory"
    raise EnvironmentLacks(message, "take a smaller model or quantization")


def without_the_too_large(run: Run, arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Return the arms; those beyond the memory or the model's context say so.

    The context is asked of arms that choose it, or their model.
    """
    return tuple(_fitted(arm, run) for arm in arms)


def _fitted(arm: Arm, run: Run) -> Arm:
    memory = run.machine.memory_bytes or sys.maxsize
    if arm.status != "pending" or arm.variant is None:
        return arm
    runtime, model = arm.variant.runtime, model_of(run, arm)
    guesses = run.draft.size_bytes if run.draft and runtime.mode == DRAFT else 0
    need = model.size_bytes + guesses + (_cache(runtime, model, run.workloads) or 0)
    if need > USABLE * memory:
        reason = (
            f"model and KV cache need {need / 1e9:,.1f} GB, this machine has {memory / 1e9:,.1f}"
        )
        return msgspec.structs.replace(arm, status="unsupported", reason=reason)
    if not (DEPTH in by_option(runtime.bench) or runtime.program or runtime.quantization):
        return arm  # llama-bench itself goes beyond a model's context and says nothing
    positions = _positions(runtime, run.workloads)
    if positions is not None and 0 < model.context_length < positions:
        reason = (
            f"it needs a context of {positions:,} tokens, the model's has {model.context_length:,}"
        )
        return msgspec.structs.replace(arm, status="unsupported", reason=reason)
    return arm


def _cache(runtime: Runtime, model: Model, workloads: Sequence[Workload]) -> int | None:
    positions = _positions(runtime, workloads)
    if positions is None:
        return None
    options = by_option(runtime.bench)
    keys, values = ("".join(options.get(name, ("f16",))) for name in (KEYS, VALUES))
    each = kv_cache_bytes(model, positions, keys, values)
    # Of the other programs' modes, llama-batched-bench's is a number: of caches of that size.
    return each and each * (int(runtime.mode) if runtime.mode.isdecimal() else 1)


def _positions(runtime: Runtime, workloads: Sequence[Workload]) -> int | None:
    """Tokens that the context must hold; None where the depth is no number."""
    depth = "".join(by_option(runtime.bench).get(DEPTH, ("0",)))
    return int(depth) + max(w.tokens for w in workloads) if depth.isdecimal() else None
