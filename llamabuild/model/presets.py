"""Shapes and quantizations of synthetic models; the facts are in the TOML files beside this."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from llamabuild.types.base import Data

DEFAULT_QUANTIZATION = "F16"


class Preset(Data, frozen=True):
    """A shape of the llama architecture."""

    layers: int
    width: int
    """Embedding length."""
    feed_forward: int
    heads: int
    kv_heads: int
    context: int
    """Tokens."""
    rope_base: float
    tied: bool
    """The output matrix is the token embedding, so the file has none of its own."""

    @property
    def head_width(self) -> int:
        """Elements of one attention head."""
        return self.width // self.heads


@cache
def load_presets() -> dict[str, Preset]:
    """Return all presets by name."""
    return msgspec.toml.decode(_data("presets.toml"), type=dict[str, Preset])


@cache
def load_quantizations() -> dict[str, float]:
    """Return every known quantization with an upper estimate of its bits per weight."""
    return msgspec.toml.decode(_data("quantizations.toml"), type=dict[str, float])


def _data(name: str) -> bytes:
    return files("llamabuild.model").joinpath(name).read_bytes()
