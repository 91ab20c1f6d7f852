"""The two tables of the search: levers, and how it is laid out."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec


class Need(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine must have for a choice to make sense."""

    why: str
    threads: int = 1
    numa_nodes: int = 1
    huge_pages: bool = False


class LeverFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``levers.toml``."""

    name: str
    what: str
    choices: tuple[str, ...]
    kinds: tuple[str, ...]
    builds: bool = False
    replaces: bool = False
    family: str = ""
    needs: dict[str, Need] = {}
    """By part, or ``all``."""
    default: str = ""
    below: str = ""
    types: tuple[str, ...] = ()
    """Of weights; empty: all."""
    quality: Literal["", "cache", "weights"] = ""
    """What becomes coarser by it."""


class Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Levels and thresholds; fractions."""

    alpha: float
    threshold: float
    allowed_loss: float
    slower_alpha: float
    prune: float


class Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the budget."""

    screen: float
    confirm: float
    first_round: float
    grace: float


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Blocks and candidates."""

    screen_least: int
    screen_most: int
    generation: int
    generation_blocks: int
    carried: int
    asks: int
    builds: int
    changes: int
    confirm_most: int
    levers_least: int
    warmup: int


class Estimates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds, until something has been measured."""

    trial_seconds: float
    trial_seconds_per_gigabyte: float
    check_seconds: float
    check_seconds_per_gigabyte: float


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``optimize.toml``."""

    goals: dict[str, dict[str, float]]
    statistics: Statistics
    shares: Shares
    counts: Counts
    estimate: Estimates


class _Levers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lever: tuple[LeverFacts, ...]


@cache
def lever_facts() -> tuple[LeverFacts, ...]:
    """Return the shipped levers in the order in which they are tried."""
    text = resources.files(__package__).joinpath("levers.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Levers).lever


@cache
def layout() -> Layout:
    """Return how the search is laid out."""
    text = resources.files(__package__).joinpath("optimize.toml").read_bytes()
    return msgspec.toml.decode(text, type=Layout)
