"""ggml's number formats in NumPy: rows of weights as blocks of bytes and back.

A row of n weights is n / ``block_weights`` blocks of ``block_bytes`` bytes, one after the other,
in ggml's layout to the bit, so that a row here is a row of a GGUF file.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.machine.extension import load_extension
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Format(Data, frozen=True, kw_only=True):
    """One format of weights or activations."""

    name: str
    """ggml's name, such as ``q4_K``."""
    block_weights: int
    """A row's length is a multiple of this."""
    block_bytes: int
    activation: str | None
    """What a dot product with such weights takes as its other side; None for formats that are only
    that side."""


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats.

    Raises:
        EnvironmentLacks: The extension module cannot be loaded.
    """
    return tuple(
        Format(name=name, block_weights=weights, block_bytes=size, activation=activation)
        for name, weights, size, activation in load_extension().formats()
    )


def find_format(name: str) -> Format:
    """Return the format of that name.

    Raises:
        BadInput: There is none.
    """
    known = {f.name: f for f in formats()}
    if name not in known:
        hint = did_you_mean(name, known) or f"known are {', '.join(known)}"
        message = f"unknown format '{name}'"
        raise BadInput(message, hint)
    return known[name]


def row_bytes(name: str, n: int) -> int:
    """Return the bytes that a row of n weights takes.

    Raises:
        BadInput: No such format.
        ValueError: n is negative or not a multiple of the block's weights.
    """
    found = find_format(name)
    blocks, rest = divmod(n, found.block_weights)
    if n < 0 or rest:
        message = f"a row of {name} has a multiple of {found.block_weights} weights, not {n}"
        raise ValueError(message)
    return blocks * found.block_bytes


def quantize(name: str, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return rows of values as blocks.

    A block with a value that isn't finite decodes to values that aren't.

    Args:
        name: A format's name.
        values: float32, shape (..., n); copied only if not C-contiguous.

    Returns:
        uint8, shape (..., n / block weights * block bytes).

    Raises:
        BadInput: No such format.
        ValueError: Another dtype, no dimension, or an n that is not whole blocks.
    """
    found = find_format(name)
    rows = _rows(values, np.dtype(np.float32), "values")
    blocks = np.empty((*rows.shape[:-1], row_bytes(found.name, rows.shape[-1])), np.uint8)
    load_extension().quantize(name, rows, blocks)
    return blocks


def dequantize(name: str, blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return rows of blocks as values, which are ggml's to the bit.

    Args:
        name: A format's name.
        blocks: uint8, shape (..., bytes of a row); copied only if not C-contiguous.

    Returns:
        float32, shape (..., bytes of a row / block bytes * block weights).

    Raises:
        BadInput: No such format.
        ValueError: Another dtype, no dimension, or bytes that are not whole blocks.
    """
    found = find_format(name)
    rows = _rows(blocks, np.dtype(np.uint8), "blocks")
    count, rest = divmod(rows.shape[-1], found.block_bytes)
    if rest:
        message = (
            f"a row of {name} has a multiple of {found.block_bytes} bytes, not {rows.shape[-1]}"
        )
        raise ValueError(message)
    values = np.empty((*rows.shape[:-1], count * found.block_weights), np.float32)
    load_extension().dequantize(name, rows, values)
    return values


def _rows(array: object, dtype: np.dtype[Any], what: str) -> NDArray[Any]:
    given = np.asarray(array)
    if given.dtype != dtype:
        message = f"{what} must be {dtype}, not {given.dtype}; convert them with .astype('{dtype}')"
        raise ValueError(message)
    if given.ndim == 0:
        message = f"{what} must have at least one dimension, the last being a row"
        raise ValueError(message)
    return np.require(given, requirements=["C"] if dtype.itemsize == 1 else ["C", "A"])
