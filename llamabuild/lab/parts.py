"""The parts of a lab, from ``parts.toml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from llamabuild.types.base import Data

PROBES, BASELINE, PROFILE, SWEEP = "probes", "baseline", "profile", "sweep"
VARIANTS, OPTIMIZE, KERNELS = "variants", "optimize", "kernels"
MAIN, SMALL, REAL = "main", "small", "real"
ALWAYS = 1
"""Rank of what is done with any budget."""


class Part(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part; the file says what each field means."""

    title: str
    kind: str
    share: float
    rank: int
    words: tuple[str, ...] = ()
    model: str = ""
    workloads: tuple[str, ...] = ()
    arms: int = 0
    factor: float = 1.0
    seconds: float = 0.0
    least: int = 0
    most: int = 0


@cache
def parts() -> dict[str, Part]:
    """Return the parts by name, in the order in which they are done."""
    text = files(__package__).joinpath("parts.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, Part])
