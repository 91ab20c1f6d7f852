"""What the user asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.types.run import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All wishes; what is None or empty is chosen to suit the machine and the model."""

    names: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    """Kinds of variants, or ``all``."""
    without: tuple[str, ...] = ()
    """Of all that these come to, what is left out."""
    cross: Path | None = None
    """File of axes whose combinations are wanted."""
    sweep: Sweep | None = None
    """Points to measure besides; those whose settings do not go together become rows."""
    baseline: str | None = None
    only_baseline: bool = False
    """The baseline and its copy alone: what the machine calls a difference."""
    sources: tuple[str, ...] = ()
    """The baseline's first; with further ones, variants that name none take part once for each."""
    model: str | None = None
    draft_model: str | None = None
    """That guesses tokens, where an arm asks for one."""
    workloads: tuple[str, ...] = ()
    threads: int | None = None
    blocks: int | None = None
    quick: bool = False
    seed: int | None = None
    variants_dirs: tuple[Path, ...] | None = None
    build_missing: bool = True
    """False: an arm that was not built becomes a row that says so."""
    resume: str | None = None
    """Go on with this run; everything else is taken from it."""
    command: tuple[str, ...] = ()
    """As it was typed, for the record."""
    part_of: str = ""
    """Optimization and stage that the run is made for."""
    sampled: bool = True
    """False: what runs is not sampled, where time is counted and other things are asked."""
    enough: Callable[[int], bool] | None = None
    """Asked after each block, with the number of those that count: whether to end here, before the
    planned end. It may look at the clock and never at a timing."""
