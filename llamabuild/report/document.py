"""The JSON document of a run: ``variants --json`` and ``report --format json``.

Everything in it is safe to publish: no folder of the machine it was made on, no NaN and no
infinity. Numbers that could not be had are null, with the reason beside them.
"""

from __future__ import annotations

from llamabuild.report.cost_document import Cost
from llamabuild.report.sweep_document import SweepInfo
from llamabuild.roofline import Roofline
from llamabuild.types.base import Data
from llamabuild.types.build import Profile, Stage
from llamabuild.types.machine import Machine
from llamabuild.types.proof import Allocation, FunctionShare, Prebuilt
from llamabuild.types.run import DiscardedBlock, Quality, Schedule, Workload
from llamabuild.types.variant import Allocator, Optimize, Toolchain

SCHEMA = "llamabuild.variants/1"
PASSED, FAILED = "passed", "failed"
NO_EXPECTATIONS, NOT_INSPECTED = "no expectations", "not inspected"


class ToolVersion(Data, frozen=True):
    """An external program, without its place on this machine."""

    name: str
    version: str
    sha256: str


class RunInfo(Data, frozen=True):
    """When and how the run was made. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    status: str
    command: tuple[str, ...]
    version: str
    """Version of llamabuild."""
    threads: int
    schedule: Schedule
    workloads: tuple[Workload, ...]
    tools: tuple[ToolVersion, ...]


class SourceInfo(Data, frozen=True):
    """The llama.cpp tree."""

    spec: str
    version: str
    ggml_version: str
    digest: str
    archive_sha256: str


class ModelInfo(Data, frozen=True):
    """The model."""

    spec: str
    name: str
    architecture: str
    quantization: str
    parameters: int
    layers: int
    embedding_length: int
    bytes: int
    sha256: str
    synthetic: bool
    bits_per_weight: float
    """Of the file, with its metadata."""
    tensor_bytes: dict[str, int]
    """By tensor type."""


class Settings(Data, frozen=True):
    """What makes the variant this variant."""

    toolchain: Toolchain
    optimize: Optimize
    """What was done to ggml and the decode part of libllama alone."""
    allocator: Allocator
    cmake: dict[str, str]
    c_flags: tuple[str, ...]
    cxx_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    environment: dict[str, str]
    bench_arguments: tuple[str, ...]
    launcher: tuple[str, ...]
    """What starts the program, such as ``taskset -c 0``."""
    program: str = ""
    """What is run instead of llama-bench."""
    mode: str = ""
    """How it is asked."""
    quantization: str = ""
    """The format that the model is put into for it; empty: it stays."""
    threads: dict[str, int] = {}
    """By kind of workload, where it sets them apart."""


class BuildInfo(Data, frozen=True):
    """What it cost to build. Seconds are those of the time when it was built."""

    id: str
    seconds: float
    cpu_seconds: float
    cached: bool
    """The build was in the store already; nothing was compiled for this run."""
    bytes: int
    compiled: int
    cache_hits: int
    """Compiler runs that the compiler cache answered; -1 without one."""
    created: str
    native_resolution: str
    compilers: tuple[ToolVersion, ...]
    commands: tuple[tuple[str, ...], ...]
    """``{source}`` and ``{build}`` stand for folders."""
    stages: tuple[Stage, ...]
    """The steps one by one, without those of the profiles; empty where it was not recorded."""
    profiles: tuple[Profile, ...]
    """Those that went in, in the order of their use."""


class Kernels(Data, frozen=True):
    """The functions that do the matrix products of this model, taken together."""

    functions: int
    instructions: int
    vector: int
    share: float
    """``vector / instructions``."""


class FunctionInfo(Data, frozen=True):
    """One function that matters for speed."""

    name: str
    file: str
    instructions: int
    vector: int
    highest: str
    groups: dict[str, int]


class ExpectationInfo(Data, frozen=True):
    """One expectation of the variant and whether the machine code meets it."""

    binary: str
    function: str
    require: tuple[str, ...]
    forbid: tuple[str, ...]
    passed: bool
    reason: str


class InspectionInfo(Data, frozen=True):
    """Which SIMD the machine code uses, over all inspected files."""

    highest: str
    """The newest group; of several CPU backends, in the one that ran."""
    groups: dict[str, int]
    """Instructions by ISA group."""
    verdict: str
    """``passed``, ``failed``, ``no expectations`` or ``not inspected``."""
    instructions: int
    vector: int
    files: tuple[str, ...]
    kernels: Kernels | None
    """Of several CPU backends, those of the one that ran."""
    functions: tuple[FunctionInfo, ...]
    """The kernels with the most vector instructions; not all functions."""
    expectations: tuple[ExpectationInfo, ...]


class EquivalenceInfo(Data, frozen=True):
    """Output against the baseline's. Divergences are in nats per token."""

    verdict: str
    """``same``, ``different``, ``baseline`` or ``not checked``."""
    mean_kl_divergence: float | None
    max_kl_divergence: float | None
    top_token_agreement: float | None
    tokens: int
    reason: str


class WorkloadResult(Data, frozen=True):
    """One variant on one workload; ``ratio`` above 1 is faster than the baseline."""

    name: str
    unit: str
    median: float | None
    mad: float | None
    ratio: float | None
    low: float | None
    high: float | None
    level: float | None
    p_value: float | None
    verdict: str
    """``faster``, ``slower``, ``equivalent``, ``no difference shown``, ``baseline`` or ``not
    measured``."""
    detectable: float | None
    """Smallest difference (fraction) that this run had an 80 % chance to show."""
    trials: int
    failed: int
    """Trials that crashed, hung or printed nothing usable."""
    minor_faults: float | None
    """Page faults without disk access of a trial: median over trials."""
    peak_rss_bytes: float | None
    """Largest resident memory of a trial: median over trials."""


class ExecutionInfo(Data, frozen=True):
    """Which functions ran during one workload, outside of all timing."""

    workload: str
    sentence: str
    """The function with the largest share and its SIMD, or why nothing was sampled."""
    method: str
    """Such as ``perf cpu-clock``; empty when nothing was sampled."""
    samples: int
    functions: tuple[FunctionShare, ...]
    """Largest share first, down to 0.5 %."""
    libraries: dict[str, float]
    loaded: tuple[str, ...]
    """CPU backends that were loaded, the one that it settled on last; also where too little was
    sampled."""
    waiting: float
    """Share of samples in which threads waited for each other."""
    reason: str


class DispatchInfo(Data, frozen=True):
    """Which CPU backend a build with several of them picked."""

    library: str
    """The one that ran the largest share; the one that was loaded last where none was seen to."""
    share: float
    """Of the samples of all workloads, their mean; 0 where none was seen to run."""
    fastest: tuple[str, ...]
    """Workloads on which none of the rivals was shown to be faster than this one; without those
    with too few blocks to tell, and none where there are no rivals."""
    rivals: tuple[str, ...]
    """Builds of kind ``simd`` from the same source: those that speak of the choice of a backend."""
    sentence: str


class VariantResult(Data, frozen=True):
    """Everything about one variant."""

    name: str
    description: str
    kind: str
    """Group of the catalogue, such as ``simd`` or ``allocators``; may be empty."""
    parts: tuple[str, ...]
    """Components of a composed variant, the base first."""
    copy_of: str
    """The baseline's name where this is the very same build, run in the very same way, so that all
    that it shows is noise; else empty."""
    status: str
    reason: str
    source: SourceInfo | None
    """None where it is the run's own."""
    prebuilt: Prebuilt | None
    """Set when somebody else built it."""
    model: ModelInfo | None
    """None where it is the run's own."""
    quality: Quality | None
    """What the model lost in the format that the variant asks for; None where it asks for none."""
    settings: Settings | None
    build: BuildInfo | None
    inspection: InspectionInfo
    equivalence: EquivalenceInfo
    allocation: Allocation | None
    executions: tuple[ExecutionInfo, ...]
    dispatch: DispatchInfo | None
    """Set where the build brings several CPU backends."""
    workloads: tuple[WorkloadResult, ...]


class NoiseInfo(Data, frozen=True):
    """What a second copy of the baseline (A′) showed: the noise of this machine."""

    workload: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str
    floor: float
    """Absolute log-ratio of A′ to the baseline."""
    threshold: float
    """Smallest difference that counts here, as a fraction."""
    usable: bool
    trials: int

    @property
    def judged(self) -> bool:
        """There were enough blocks to tell A′ from the baseline, if it differed."""
        return self.low is not None and self.high is not None


class Finding(Data, frozen=True):
    """One thing that the run says, for a reader who asks what to use."""

    topic: str
    """``noise``, ``fastest``, ``overall``, ``simpler``, ``no difference``, ``equivalent``,
    ``slower``, ``copy``, ``dispatch``, ``prebuilt`` or ``not measured``."""
    text: str
    """A sentence or two, names in backticks."""
    variants: tuple[str, ...]
    """The variants that it is about."""


class Document(Data, frozen=True):
    """A whole run."""

    schema: str
    run: RunInfo
    machine: Machine
    source: SourceInfo
    model: ModelInfo
    baseline: str
    blocks: int
    """Blocks that count, without warm-up and discarded ones."""
    look: int
    alpha: float
    usable: bool
    """False when the copy of the baseline came out faster or slower on any workload."""
    answer: str
    """The result in one sentence."""
    findings: tuple[Finding, ...]
    """What else a reader wants to know first."""
    limits: str
    """What this run could not show."""
    variants: tuple[VariantResult, ...]
    noise: tuple[NoiseInfo, ...]
    discarded: tuple[DiscardedBlock, ...]
    roofline: Roofline
    """What the machine allows, and how near each variant comes to it."""
    cost: Cost
    """What each build added to the cost of the run."""
    sweep: SweepInfo | None
    """The points in their order, where one variant was run in several ways."""
    draft: ModelInfo | None = None
    """The model that guessed tokens for the other, where one did."""
