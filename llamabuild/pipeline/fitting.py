"""Which points of a sweep cannot fit into this machine's memory: said before they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.types.kv_cache import kv_cache_bytes
from llamabuild.variants.bench_options import by_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.inputs import Model
    from llamabuild.types.run import Arm, Workload

DEPTH, KEYS = "-d", "-ctk"
USABLE = 0.9
"""Share of the memory that one program can have before the machine swaps or kills."""


def without_the_too_large(
    arms: Sequence[Arm], model: Model, workloads: Sequence[Workload], memory_bytes: int
) -> tuple[Arm, ...]:
    """Return the arms; those whose weights and KV cache exceed the memory say so."""
    tokens = max(workload.tokens for workload in workloads)
    return tuple(_fitted(arm, model, tokens, memory_bytes) for arm in arms)


def _fitted(arm: Arm, model: Model, tokens: int, memory_bytes: int) -> Arm:
    options = by_option(arm.variant.runtime.bench) if arm.variant else {}
    depth = "".join(options.get(DEPTH, ()))
    if arm.status != "pending" or not depth.isdecimal():
        return arm
    kind = "".join(options.get(KEYS, ("f16",)))
    cache = kv_cache_bytes(model, int(depth) + tokens, kind)
    if cache is None or model.size_bytes + cache <= USABLE * memory_bytes:
        return arm
    need = (model.size_bytes + cache) / 1e9
    reason = f"model and KV cache need {need:,.1f} GB, this machine has {memory_bytes / 1e9:,.1f}"
    return msgspec.structs.replace(arm, status="unsupported", reason=reason)
