"""ggml's tensor types and llama.cpp's file types by number; the facts are in ``ggml_types.toml``.

Standard library alone: the child process that reads foreign headers imports this.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class TensorType(NamedTuple):
    """How one kind of tensor is stored."""

    name: str
    block: int
    """Weights in a block."""
    bytes: int
    """Bytes of a block."""


@cache
def tensor_types() -> dict[int, TensorType]:
    """Return all known tensor types by their number in the file."""
    rows: dict[str, dict[str, int]] = _facts()["tensor_types"]
    return {r["id"]: TensorType(name, r["block"], r["bytes"]) for name, r in rows.items()}


@cache
def file_types() -> dict[int, str]:
    """Return the name of every known ``general.file_type``."""
    rows: dict[str, int] = _facts()["file_types"]
    return {number: name for name, number in rows.items()}


@cache
def _facts() -> dict[str, Any]:
    text = files("llamabuild.model").joinpath("ggml_types.toml").read_text("utf-8")
    return tomllib.loads(text)
