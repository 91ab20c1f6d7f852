"""Plans and what they make."""

from __future__ import annotations

from .base import Data
from .machine import Tool


class Step(Data, frozen=True, kw_only=True):
    """One command of a plan; ``{source}``, ``{build}``, ``{cmake}`` and so on stand for paths."""

    name: str
    """``configure`` or ``compile``."""
    argv: tuple[str, ...]
    environment: dict[str, str] = {}


class Plan(Data, frozen=True, kw_only=True):
    """How one build is made; pure data, nothing has run yet."""

    build_id: str
    variant: str
    source_digest: str
    steps: tuple[Step, ...]
    compilers: tuple[Tool, ...]
    native_resolution: str
    """What ``-march=native`` means on this CPU; empty when the variant doesn't use it."""
    outputs: tuple[str, ...]
    """Programs that must be there afterwards."""
    by_hand: tuple[tuple[str, ...], ...] = ()
    """Commands that make the same ggml and libllama without this program."""


class BuiltFile(Data, frozen=True, kw_only=True):
    """One file of a build, relative to the build's folder. Links carry a target instead."""

    path: str
    size_bytes: int
    sha256: str
    link: str = ""
    executable: bool = False


class Build(Data, frozen=True, kw_only=True):
    """A published build; its manifest."""

    id: str
    plan: Plan
    files: tuple[BuiltFile, ...]
    seconds: float
    """Wall time of configure and compile when it was made."""
    cpu_seconds: float
    size_bytes: int
    """Sum of all files."""
    compiled: int
    """Compiler runs."""
    cache_hits: int
    """Of which the compiler cache answered; -1 without one."""
    created: str
    """ISO 8601, UTC."""
