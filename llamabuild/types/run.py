"""A run: what was measured, on what, and every sample of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Data
from .build import Build
from .inputs import Model, Source
from .inspection import ExpectationResult, Inspection
from .machine import Machine, MachineState, Tool
from .proof import Allocation, Execution, Prebuilt
from .variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

NOISE_ARM = "A′"
"""Name of the second copy of the baseline that measures the noise floor."""


class Workload(Data, frozen=True, kw_only=True):
    """What llama-bench, or a program in its place, runs. Throughput is tokens per second."""

    name: str
    """Such as ``pp64`` or ``tg16``."""
    kind: str
    """``pp`` (prompt processing), ``tg`` (token generation) or another of ``workloads.toml``."""
    tokens: int
    seconds: float
    """What a trial should measure; each arm repeats as often as that takes."""
    max_repetitions: int
    unit: str = "tokens/s"


class Schedule(Data, frozen=True, kw_only=True):
    """How the comparison is laid out; fixed before the first trial."""

    seed: int
    warmup_blocks: int
    looks: tuple[int, ...]
    """Block counts at which the comparison may stop."""
    alphas: tuple[float, ...]
    """Family-wise error spent at each look."""
    threshold: float
    """Smallest relevant difference as a fraction, such as 0.01."""


class Equivalence(Data, frozen=True, kw_only=True):
    """Output of a variant against the baseline's on a fixed text."""

    verdict: str
    """``same``, ``different``, ``baseline`` or ``not checked``."""
    mean_kl_divergence: float | None = None
    """Nats per token."""
    max_kl_divergence: float | None = None
    top_token_agreement: float | None = None
    """Fraction of positions with the same most probable token."""
    tokens: int = 0
    reason: str = ""


class Quality(Data, frozen=True, kw_only=True):
    """What a model in another format says, against the model that it was made from.

    Of a fixed text, the documentation of the source tree; both by the arm's own build.
    """

    reference: str
    """Format of the model that it was made from."""
    text_sha256: str = ""
    tokens: int = 0
    """Those whose probabilities were compared."""
    mean_kl_divergence: float | None = None
    """Nats per token."""
    kl_divergence_error: float | None = None
    """Its standard error."""
    perplexity: float | None = None
    perplexity_error: float | None = None
    reference_perplexity: float | None = None
    top_token_agreement: float | None = None
    """Fraction of positions with the same most probable token."""
    reason: str = ""
    """Why it is not known; empty if it is."""


class Arm(Data, frozen=True, kw_only=True):
    """One variant in one run, from plan to proof. Trials refer to it by name."""

    name: str
    status: str
    """``ready`` (built, inspected, checked), or why there are no trials: ``unsupported``,
    ``bad variant`` (its file is wrong), ``build failed``, ``not built``, ``not inspected`` (its
    machine code could not be read), ``wrong output``,
    ``wrong allocator`` (not proved to be the promised one), ``no model`` (its own could not be
    made), ``bench failed``, ``pending``."""
    reason: str
    variant: Variant | None = None
    build: Build | None = None
    build_cached: bool = False
    """The build was in the store when the run asked for it."""
    inspections: tuple[Inspection, ...] = ()
    expectations: tuple[ExpectationResult, ...] = ()
    equivalence: Equivalence = Equivalence(verdict="not checked")
    source: Source | None = None
    """None where it is the run's own."""
    prebuilt: Prebuilt | None = None
    allocation: Allocation | None = None
    executions: tuple[Execution, ...] = ()
    """One for each workload."""
    model: Model | None = None
    """None where it is the run's own."""
    quality: Quality | None = None
    """Of an arm that asks for a format; None where nobody asked."""


class Trial(Data, frozen=True, kw_only=True):
    """One process of one arm on one workload in one block."""

    block: int
    """0 is the first; warm-up blocks count."""
    position: int
    """Place in the block's shuffled order, from 0."""
    workload: str
    arm: str
    """Variant name, or :data:`NOISE_ARM`."""
    status: str
    """``ok``, ``crashed``, ``timeout`` or ``bad output``."""
    error: str
    started: str
    """ISO 8601, UTC."""
    samples_ns: tuple[int, ...]
    """Duration of each repetition in nanoseconds."""
    tokens: int
    """Tokens per repetition, those of all sequences together."""
    output: dict[str, Any]
    """Every field that llama-bench printed, or what another program's driver reads."""
    state: MachineState | None


FAILURES_UNTIL_GIVEN_UP = 2
"""In a row, of an arm on one workload."""


def is_given_up(statuses: Sequence[str]) -> bool:
    """Whether an arm is not asked for a workload any more, by the statuses of its trials so far."""
    last = statuses[-FAILURES_UNTIL_GIVEN_UP:]
    return len(last) == FAILURES_UNTIL_GIVEN_UP and "ok" not in last


INTERRUPTED_BLOCK = "interrupted"
"""Reason of a block that a stop cut short; the only discarded blocks that lack trials."""


class DiscardedBlock(Data, frozen=True, kw_only=True):
    """A block left out of the comparison, by a rule that does not look at timings."""

    block: int
    reason: str


class Axis(Data, frozen=True, kw_only=True):
    """One thing that a sweep varies."""

    setting: str
    """Name of a setting, such as ``threads``."""
    what: str
    values: tuple[str, ...]


class Point(Data, frozen=True, kw_only=True):
    """One combination of values."""

    variant: str
    """Its name as an arm, such as ``native+threads=4``."""
    values: tuple[str, ...]
    """On each axis; empty is the default."""
    kv_cache_bytes: int | None = None
    """Computed from the model's header; None where no axis changes it or it is not known."""


class Sweep(Data, frozen=True, kw_only=True):
    """What a run varies: every combination of one value of each axis, on one variant."""

    base: str
    """The variant; alone it is the point with all defaults."""
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    """In the order of the axes' values; the first is what the others are compared with."""


class Run(Data, frozen=True, kw_only=True):
    """Everything but the trials, which the store hands out apart."""

    id: str
    started: str
    finished: str
    """Empty while it is under way."""
    status: str
    """``running``, ``interrupted``, ``done`` or ``failed``."""
    command: tuple[str, ...]
    version: str
    machine: Machine
    tools: tuple[Tool, ...]
    source: Source
    model: Model
    baseline: str
    threads: int
    schedule: Schedule
    workloads: tuple[Workload, ...]
    arms: tuple[Arm, ...]
    discarded: tuple[DiscardedBlock, ...] = ()
    sweep: Sweep | None = None
    """None where the variants are what is compared."""
    asked: tuple[str, ...] = ()
    """Variants that the user named one by one: one that cannot run here is a failure."""
    draft: Model | None = None
    """The model that guesses tokens in speculative decoding."""
    part_of: str = ""
    """Optimization and stage that it was made for, such as ``ID/screen``; empty: none."""

    @property
    def program(self) -> str:
        """What trials of all arms run; empty is llama-bench."""
        return next((a.variant.runtime.program for a in self.arms if a.variant is not None), "")


def model_of(run: Run, arm: Arm) -> Model:
    """Return what an arm runs: its own model, or the run's."""
    return arm.model or run.model
