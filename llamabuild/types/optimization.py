"""An optimization: what was asked, what was tried, and every figure that it was decided by."""

from __future__ import annotations

from .base import Data
from .inputs import Model, Source
from .machine import Machine
from .run import Workload

Configuration = tuple[str, ...]
"""Parts that are added to the baseline's name, such as ``("clang", "repack=0")``; empty is the
baseline itself."""

SCREEN, SEARCH, CONFIRM = "screen", "search", "confirm"
"""Stages; of the latter two there may be several."""


class Lever(Data, frozen=True, kw_only=True):
    """Something that can be set in one of several ways."""

    name: str
    what: str
    builds: bool
    """Its choices are builds of their own."""
    replaces: bool
    """Its choices take the place of the baseline's first part: they are what others stand on."""
    kinds: tuple[str, ...]
    """Kinds of workloads that it can change: ``pp``, ``tg``."""
    family: str
    """Levers of one family may work together only: they are tried in pairs whatever each does."""
    choices: tuple[str, ...]
    """Parts of a name, at most one of which is chosen."""


class LeftOut(Data, frozen=True, kw_only=True):
    """A choice that is not searched."""

    lever: str
    part: str
    reason: str


class Measured(Data, frozen=True, kw_only=True):
    """One configuration in one stage."""

    configuration: Configuration
    reason: str = ""
    """Why there are no figures: it does not build, computes something else, and so on."""
    logs: dict[str, tuple[float | None, ...]] = {}
    """By workload: ln(throughput / the baseline's) in each block that counts."""


class Measurement(Data, frozen=True, kw_only=True):
    """What one stage measured, the baseline and its copy included."""

    run: str
    """Id of the stored run."""
    blocks: int
    """That count."""
    arms: tuple[Measured, ...]
    """Without the baseline."""
    noise: dict[str, tuple[float | None, ...]]
    """As ``logs``, of the baseline's copy."""
    trial_seconds: float
    """What one trial took, on average."""


class StageRecord(Data, frozen=True, kw_only=True):
    """A stage that is complete."""

    name: str
    """Such as ``search 2``."""
    measurement: Measurement
    spent_seconds: float
    """Of the budget, up to its end."""
    changes: tuple[Configuration, ...] = ()
    """Of a confirmation: what is added one after the other, each with its parts."""


class Deployment(Data, frozen=True, kw_only=True):
    """What carries a configuration elsewhere; words, not text, so that each form quotes its own."""

    variant: str
    """Its name here."""
    source: str
    fetch: tuple[tuple[str, ...], ...] = ()
    """Commands that get its tree; none where no command does."""
    build: tuple[tuple[str, ...], ...]
    """Commands, in the parent of a llama.cpp tree."""
    folder: str
    """Of that build."""
    environment: dict[str, str]
    launcher: tuple[str, ...]
    arguments: tuple[str, ...]
    """Of llama-server and llama-cli, without the model."""
    packages: tuple[str, ...]
    """Debian packages that building it takes, beyond the usual."""
    image: str = "debian:stable-slim"
    """Container image that has those packages: of the distribution where it was measured."""
    libraries: tuple[str, ...]
    """Debian packages that running it takes."""
    files: tuple[str, ...]
    """Paths of libraries that no package has; a note says where they come from."""
    trained: bool
    """Building it takes a model."""
    notes: tuple[str, ...]
    """What no command says, one sentence each."""


class Optimization(Data, frozen=True, kw_only=True):
    """The whole record. Decisions follow from it alone, so that it can be taken up at any point."""

    id: str
    started: str
    finished: str
    """Empty while it is under way."""
    status: str
    """``running``, ``interrupted``, ``done`` or ``failed``."""
    command: tuple[str, ...]
    version: str
    machine: Machine
    source: Source
    model: Model
    base: str
    """The variant that it starts from."""
    threads: int
    workloads: tuple[Workload, ...]
    goal: str
    target: float
    """Ratio to the baseline that is hoped for."""
    budget_seconds: float
    seed: int
    kv_quality: float | None
    """Largest mean KL divergence (nats per token) that a KV cache may cost; None: not searched."""
    weights_quality: float | None = None
    """Likewise, of another format of the weights."""
    trial_seconds: float
    """Expected, until something has been measured."""
    check_seconds: float
    """Expected of a configuration before its first trial."""
    levers: tuple[Lever, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    build_seconds: dict[str, float] = {}
    """Expected time of each build that was asked about, by its parts joined with ``+``."""
    stages: tuple[StageRecord, ...] = ()
    spent_seconds: float = 0.0
    peak_bytes: dict[str, int | None] = {}
    """Largest resident memory by variant, of the baseline and what it came to."""
    deployment: Deployment | None = None
    part_of: str = ""
    """Lab and part that it was made for, such as ``ID/challenge``; empty: none."""
