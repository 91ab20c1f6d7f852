"""Running one kernel on NumPy arrays.

Every length is checked against the format before a kernel reads a byte, and a kernel that this CPU
can't run is refused. Weights and activations are bytes (uint8) as ``formats.quantize`` makes them;
they need no alignment and are not copied. The GIL is released meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from llamabuild.machine.extension import load_extension

from .registry import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .registry import Kernel

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

ALIGNMENT = 64
"""Bytes; of packed weights, so that a vector never straddles two cache lines."""


def vec_dot(kernel: Kernel, weights: Bytes, activation: Bytes) -> Floats:
    """Return the dot product of each weight row with one activation row, float32 ``(rows,)``.

    Args:
        kernel: Of the shape ``vec_dot``.
        weights: ``(rows, bytes of a row)``; rows may lie apart.
        activation: ``(bytes of a row,)`` in the activation format of the weights' format; its
            quantized values are -127..127, as ggml makes them (-128 gives wrong results).

    Raises:
        ValueError: An argument doesn't fit the format; says what was expected.
        EnvironmentLacks: This CPU can't run the kernel.
    """
    _require_shape(kernel, "vec_dot")
    dots: Floats = load_extension().run_vec_dot(kernel.address, kernel.format, weights, activation)
    return dots


def gemm(kernel: Kernel, packed: Bytes, activations: Bytes, rows: int) -> Floats:
    """Return all dot products of packed weights with activations, float32 ``(columns, rows)``.

    Args:
        kernel: Of the shape ``gemm``, or ``gemv``, which takes one column.
        packed: ``pack`` of the rows, with the kernel's ``panel_rows``.
        activations: ``(columns, bytes of a row)``, without gaps; quantized values are -127..127,
            as ggml makes them (-128 gives wrong results).
        rows: Weight rows in ``packed``.

    Raises:
        ValueError: An argument doesn't fit the format; says what was expected.
        EnvironmentLacks: This CPU can't run the kernel.
    """
    _require_shape(kernel, "gemv", "gemm")
    if kernel.shape == "gemv" and np.shape(activations)[:1] != (1,):
        message = f"activations: expected 1 row for gemv, found shape {np.shape(activations)}"
        raise ValueError(message)
    for what, count, step in (
        ("rows", rows, kernel.row_step),
        ("columns", np.shape(activations)[0], kernel.column_step),
    ):
        if count % step:
            message = f"{what}: {kernel.symbol} takes a multiple of {step}, not {count}"
            raise ValueError(message)
    dots: Floats = load_extension().run_gemm(
        kernel.address,
        kernel.format,
        kernel.panel_rows,
        packed,
        activations,
        rows,
    )
    return dots


def pack(
    format: str,  # noqa: A002
    panel_rows: int,
    weights: Bytes,
) -> Bytes:
    """Return weight rows interleaved for gemv and gemm: uint8, one axis, 64-byte aligned.

    Rows of zero weights fill the last panel, so the result has the bytes of ``rows`` rounded up to
    a multiple of ``panel_rows``.

    Args:
        format: Of the weights.
        panel_rows: Rows side by side.
        weights: ``(rows, bytes of a row)``, without gaps.

    Raises:
        ValueError: The format has no such layout, or the weights don't fit it.
    """
    try:
        rows, row_bytes = weights.shape
    except ValueError:
        message = f"weights: expected 2 axes, found {np.ndim(weights)}"
        raise ValueError(message) from None
    panel_rows = max(0, panel_rows)
    panels = -(-rows // max(1, panel_rows))
    packed = aligned(panels * panel_rows * row_bytes)
    load_extension().pack_rows(format, panel_rows, weights, packed)
    return packed


def unpack(
    format: str,  # noqa: A002
    panel_rows: int,
    packed: Bytes,
    rows: int,
    length: int,
) -> Bytes:
    """Return the rows that ``pack`` interleaved, uint8 ``(rows, bytes of a row)``.

    Raises:
        ValueError: The format has no such layout, or the bytes don't fit it.
    """
    weights: Bytes = load_extension().unpack_rows(format, panel_rows, packed, rows, length)
    return weights


def aligned(size: int) -> Bytes:
    """Return zero bytes that start at a multiple of ``ALIGNMENT``."""
    room: NDArray[Any] = np.zeros(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def _require_shape(kernel: Kernel, *shapes: str) -> None:
    if kernel.shape not in shapes:
        message = f"{kernel.symbol}: expected a kernel of the shape {' or '.join(shapes)}"
        raise ValueError(message)
    require(kernel)
