"""The facts in ``roofline.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from llamabuild.types.base import Data


class Facts(Data, frozen=True):
    """What ``roofline.toml`` holds."""

    batch: int
    floats: tuple[str, ...]
    limiting_share: float
    impossible_share: float
    impossible: str
    advice: dict[str, dict[str, str]]
    """Kind of workload to verdict to sentences."""


@cache
def facts() -> Facts:
    """Return the facts."""
    text = files("llamabuild.roofline").joinpath("roofline.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Facts)
