"""What one process is asked to do, and what it measured, whichever program it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.run import Workload


class BadOutput(Exception):
    """A program ended well but what it printed is not a measurement; says why."""


class Measured(msgspec.Struct, frozen=True):
    """One result."""

    samples_ns: tuple[int, ...]
    tokens: int
    """That each sample stands for."""
    output: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one process is to do."""

    model: Path
    workload: Workload
    repetitions: int
    threads: int
    prompt: Path | None = None
    """The text, for programs that take one."""
    prefix: Path | None = None
    """The saved state after all of the prompt but its end."""
    draft: Path | None = None
    """The model that guesses."""
