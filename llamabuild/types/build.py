"""Plans and what they make."""

from __future__ import annotations

from .base import Data
from .machine import Tool


class Step(Data, frozen=True, kw_only=True):
    """One command of a plan; ``{source}``, ``{build}``, ``{cmake}`` and so on stand for paths."""

    name: str
    """``configure``, ``compile`` or that of a later stage, such as ``bolt``."""
    argv: tuple[str, ...]
    environment: dict[str, str] = {}


class Stage(Data, frozen=True, kw_only=True):
    """What one step of a build took."""

    name: str
    """The step's."""
    seconds: float
    cpu_seconds: float


class Profile(Data, frozen=True, kw_only=True):
    """What a training run said about a program; kept in the cache under its key."""

    key: str
    """Hash of all that it was made from: instrumented build, training, model."""
    kind: str
    """``gcc``, ``clang`` or ``bolt``."""
    sha256: str
    """Of the merged data; part of the id of every build that uses it."""
    functions: int
    """Instrumented functions."""
    trained: int
    """Of which ran at least once in training."""
    training: tuple[str, ...]
    """Commands, one a line, such as ``llama-bench -t 1 -p 24 -n 0``."""
    model: str
    """Name and quantization of the model that it was trained on."""
    model_sha256: str
    size_bytes: int
    stages: tuple[Stage, ...] = ()
    """Instrumented build, training, merging."""


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
    profiles: tuple[Profile, ...] = ()
    """Those that go in, in the order of their use."""
    needs_profiles: tuple[str, ...] = ()
    """Keys of those that must be made first; the id is then not yet what it will be."""
    input: str = ""
    """Id of a build whose files are taken as they are: it has run the first steps already."""
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
    stages: tuple[Stage, ...] = ()
    """The steps one by one; empty in builds that were made before it was recorded."""
    profiles: tuple[Profile, ...] = ()
    """Those that went in, in the order of their use."""
