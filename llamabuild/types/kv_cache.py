"""How large a KV cache is, from the model's header."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .inputs import Model

BITS = {
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "q8_0": 8.5,
    "q5_1": 6.0,
    "q5_0": 5.5,
    "q4_1": 5.0,
    "q4_0": 4.5,
    "iq4_nl": 4.5,
}
"""Of one value: blocks of 32 with their scales, as ggml-common.h has them."""
PADDING = 256
"""llama.cpp rounds the context up to a multiple of this (``llama_context``)."""


def kv_cache_bytes(model: Model, positions: int, kind: str = "f16") -> int | None:
    """Return the bytes of a KV cache for so many positions; None where the header does not tell.

    Args:
        model: Its ``traffic`` holds the bytes of one position in f16.
        positions: Tokens in the context.
        kind: Type of keys and values.
    """
    if model.traffic is None or not model.traffic.kv_bytes_per_position or kind not in BITS:
        return None
    padded = -(-positions // PADDING) * PADDING
    return round(padded * model.traffic.kv_bytes_per_position * BITS[kind] / BITS["f16"])
