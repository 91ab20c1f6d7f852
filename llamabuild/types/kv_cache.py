"""How large a KV cache is, from the model's header."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .inputs import Model

BITS = {
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


def kv_cache_bytes(
    model: Model, positions: int, keys: str = "f16", values: str = "f16"
) -> int | None:
    """Return the bytes of a KV cache for so many positions; None where the header does not tell.

    Every layer counts for all positions; with a sliding window it is less.

    Args:
        model: Its ``traffic`` holds the bytes of one position in f16.
        positions: Tokens in the context.
        keys: Type of the keys, which are half of it.
        values: Type of the values.
    """
    if model.traffic is None or not model.traffic.kv_bytes_per_position:
        return None
    if keys not in BITS or values not in BITS:
        return None
    padded = -(-positions // PADDING) * PADDING
    width = (BITS[keys] + BITS[values]) / (2 * BITS["f16"])
    return round(padded * model.traffic.kv_bytes_per_position * width)
