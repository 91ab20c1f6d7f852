"""What the builds of a run cost, in the document: marginal costs and their sum."""

from __future__ import annotations

from llamabuild.types.base import Data
from llamabuild.types.build import Stage


class CostRow(Data, frozen=True):
    """What one arm added to the cost of the run. Seconds are those of the time it was built."""

    variant: str
    build: str
    """Id of the build; empty where there is none."""
    shares: str
    """The arm whose build it runs, so that nothing was left to build; empty: its own."""
    why_none: str
    """Why there is no build; empty where there is one."""
    cached: bool
    """The build was in the store when the run asked for it."""
    compiled: int
    """Compiler runs; 0 where nothing was built."""
    cache_hits: int
    """Of which the compiler cache answered; -1 without one."""
    seconds: float
    """Wall time of the build and of the profiles that it is the first to use."""
    cpu_seconds: float
    stages: tuple[Stage, ...]
    """The build's steps, and those of its profiles as ``gcc profile: train``."""


class Cost(Data, frozen=True):
    """The rows in the order of the run, and their sum."""

    rows: tuple[CostRow, ...]
    builds: int
    """Different builds."""
    seconds: float
    cpu_seconds: float
    built_now_seconds: float
    """The part of ``seconds`` that was spent in this run, at most: a build made in it may have used
    a profile or an input of BOLT that was there."""
    full_build: str
    """The arm with a stock build (the run's own source, nothing but instruction sets chosen) that
    was compiled from nothing, the baseline's if it is one; empty when there is none."""
    full_build_seconds: float | None
    multiple: float | None
    """``seconds`` over ``full_build_seconds``; builds that failed are in neither."""
