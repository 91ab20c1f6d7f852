"""ggml's own kernels beside ours: found in a built libggml-cpu, run by the same path.

Weights for ggml's interleaved kernels are packed by ggml itself, through its backend interface,
and so are the activations of its gemm.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.types.base import Data

from . import run
from .formats import dequantize, find_format
from .ggml_graph import Graph
from .ggml_library import load
from .registry import Kernel, this_cpu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .ggml_library import Library

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

QUAD = 4
"""Activation rows that ggml's gemm takes at a time."""


class Layout(Data, frozen=True, kw_only=True):
    """An interleaved layout of a format."""

    name: str
    """``ROWSxBYTES``, such as ``8x8``."""
    needs: tuple[str, ...]
    """What the library must have been compiled for."""

    @property
    def panel_rows(self) -> int:
        """Rows that are interleaved."""
        return int(self.name.partition("x")[0])

    @property
    def chunk(self) -> int:
        """Bytes of one row side by side."""
        return int(self.name.partition("x")[2])


class FormatFacts(Data, frozen=True, kw_only=True):
    """What ggml has for a weight format."""

    type: int
    """Value of ``enum ggml_type``."""
    vec_dot: str
    """Symbol."""
    layouts: tuple[Layout, ...] = ()


class Facts(Data, frozen=True, kw_only=True):
    """``ggml.toml``."""

    features: dict[str, tuple[str, ...]]
    format: dict[str, FormatFacts]


class GgmlFunction(Kernel, frozen=True, kw_only=True):
    """One of ggml's kernels.

    ``run.vec_dot`` runs it, and ``run.gemm`` on what :func:`repack` and :func:`quads` made.
    """

    by: str
    """``ggml:VARIANT``."""
    library: str
    """Path of the libggml-cpu."""
    layout: str = ""
    """``ROWSxBYTES``; empty for vec_dot."""

    @property
    def row_step(self) -> int:
        """Whole panels: ggml's gemv and gemm leave out the rows beyond."""
        return max(1, self.panel_rows)

    @property
    def column_step(self) -> int:
        """Columns beyond whole fours are left out by ggml's gemm."""
        return QUAD if self.shape == "gemm" else 1


class Missing(Data, frozen=True, kw_only=True):
    """A kernel that a library doesn't have."""

    format: str
    shape: str
    by: str
    symbol: str
    """Empty where llama.cpp has no such path for the format."""
    reason: str


@cache
def facts() -> Facts:
    """Return the table of ggml's functions."""
    text = resources.files(__package__).joinpath("ggml.toml").read_bytes()
    return msgspec.toml.decode(text, type=Facts)


def facts_of(name: str) -> FormatFacts:
    """Return what ggml has for a format.

    Raises:
        BadInput: It is no weight format.
    """
    known = facts().format
    if name not in known:
        hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
        message = f"ggml has no kernels for a format called '{name}'"
        raise BadInput(message, hint)
    return known[name]


def functions(
    path: Path, variant: str, names: tuple[str, ...] | None = None
) -> tuple[tuple[GgmlFunction, ...], tuple[Missing, ...]]:
    """Return the kernels that llama.cpp takes for weights of each format with this library.

    They are its vec_dot and, where the library interleaves the format on this CPU, gemv and gemm.

    Args:
        path: The libggml-cpu.
        variant: Whose it is; the kernels are ``by`` ``ggml:VARIANT``.
        names: Formats; None: all.

    Raises:
        BadInput: No weight format has that name.
        EnvironmentLacks: The library can't be used; says why.
    """
    library = load(path)
    features = _features(library)
    have: list[GgmlFunction] = []
    lack: list[Missing] = []
    for name in facts().format if names is None else names:
        layout = layout_of(library, name)
        symbols = {"vec_dot": facts_of(name).vec_dot}
        for shape in ("gemv", "gemm"):
            activation = find_format(name).activation
            symbols[shape] = f"ggml_{shape}_{name}_{layout.name}_{activation}" if layout else ""
        for shape, symbol in symbols.items():
            address = library.address(symbol) if symbol else None
            if address is None:
                what = f"the library has no symbol {symbol}"
                reason = what if symbol else f"llama.cpp doesn't interleave {name} in this build"
                lack.append(
                    Missing(format=name, shape=shape, by=_by(variant), symbol=symbol, reason=reason)
                )
                continue
            interleaved = layout if shape != "vec_dot" else None
            have.append(
                GgmlFunction(
                    format=name,
                    shape=shape,
                    panel_rows=interleaved.panel_rows if interleaved else 0,
                    symbol=symbol,
                    address=address,
                    features=features,
                    by=_by(variant),
                    library=str(path),
                    layout=interleaved.name if interleaved else "",
                )
            )
    return tuple(have), tuple(lack)


def layout_of(library: Library, name: str) -> Layout | None:
    """Return the layout in which llama.cpp would keep weights of a format; None: as they are."""
    return next((x for x in facts_of(name).layouts if all(map(library.has, x.needs))), None)


def repack(function: GgmlFunction, weights: Bytes) -> Bytes:
    """Return weight rows as ggml interleaves them for its gemv and gemm, 64-byte aligned.

    Args:
        function: A gemv or gemm.
        weights: ``(rows, bytes of a row)``, without gaps; rows are a multiple of ``panel_rows``.

    Raises:
        ValueError: The rows don't fill whole panels.
        EnvironmentLacks: The library doesn't interleave them.
    """
    rows, row_bytes = weights.shape
    if rows == 0 or rows % function.panel_rows:
        message = f"{rows} rows: expected a multiple of {function.panel_rows}"
        raise ValueError(message)
    found = find_format(function.format)
    length = row_bytes // found.block_bytes * found.block_weights
    facts = facts_of(function.format)
    with Graph(load(Path(function.library)), facts.type, length, rows, 1, repack=True) as graph:
        graph.set_weights(weights)
        packed = run.aligned(weights.nbytes)
        packed[:] = graph.weight_bytes(weights.nbytes)
    return packed


def quads(function: GgmlFunction, values: Floats) -> Bytes:
    """Return activations as ggml packs them for its gemm: four rows interleaved.

    Args:
        function: A gemm.
        values: float32 ``(columns, length)``; columns are a multiple of 4.

    Returns:
        uint8 ``(columns, bytes of a row)``; each four rows hold four activations.

    Raises:
        ValueError: The columns aren't a multiple of 4.
        EnvironmentLacks: The library has no function to pack them.
    """
    columns, length = values.shape
    if columns == 0 or columns % QUAD:
        message = f"{columns} columns: expected a multiple of {QUAD}"
        raise ValueError(message)
    activation = find_format(find_format(function.format).activation or "")
    symbol = f"ggml_quantize_mat_{activation.name}_{QUAD}x{function.layout.partition('x')[2]}"
    pack = load(Path(function.library)).function(
        symbol, None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    )
    row_bytes = length // activation.block_weights * activation.block_bytes
    packed = np.empty((columns, row_bytes), np.uint8)
    source = np.ascontiguousarray(values, np.float32)
    for first in range(0, columns, QUAD):
        pack(source[first:].ctypes.data, packed[first:].ctypes.data, length)
    return packed


def oracle(function: GgmlFunction, weights: Bytes, activations: Bytes) -> tuple[Floats, Floats]:
    """Return ggml's dot products and the scale of the error that another may have.

    Args:
        function: A vec_dot.
        weights: ``(rows, bytes of a row)``.
        activations: ``(columns, bytes of a row)``.

    Returns:
        float32 ``(columns, rows)``: the dot products; the sums of the absolute terms.
    """
    dots = np.stack([run.vec_dot(function, weights, a) for a in activations])
    name = find_format(function.format).activation or ""
    with np.errstate(invalid="ignore", over="ignore"):
        terms = (
            np.abs(dequantize(name, activations).astype(np.float64))
            @ np.abs(dequantize(function.format, weights).astype(np.float64)).T
        )
        return dots, terms.astype(np.float32)


def _features(library: Library) -> tuple[str, ...]:
    needed: dict[str, None] = {}
    for word, features in facts().features.items():
        if library.has(word):
            needed.update(dict.fromkeys(features))
    unusable = [f for f in needed if f not in this_cpu().features]
    if unusable:
        message = f"{library.path.name} needs {' and '.join(unusable)}, which this CPU lacks"
        raise EnvironmentLacks(message, "build it for this CPU")
    return tuple(needed)


def _by(variant: str) -> str:
    return f"ggml:{variant}"
