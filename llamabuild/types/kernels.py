"""What `kernels` measures: probes of the machine, and kernels beside ggml's."""

from __future__ import annotations

from .base import Data
from .machine import Machine

VEC_DOT, GEMV, GEMM = "vec_dot", "gemv", "gemm"
OURS = "llamabuild"
"""``KernelResult.by`` of our own kernels; those of ggml say ``ggml:`` and the variant."""


class Spread(Data, frozen=True, kw_only=True):
    """Samples in short. Same unit as the value they belong to."""

    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    samples: int
    stable: bool
    """The samples settled within the time allowed."""
    steal_seconds: float | None
    """Time that the hypervisor took meanwhile, summed over all CPUs; None where unknown."""


class Probe(Data, frozen=True, kw_only=True):
    """One limit of the machine, measured."""

    name: str
    """``read``, ``write``, ``copy``, ``scale``, ``add``, ``triad``, ``latency``, ``int8``, ``f32``,
    with ``_nt`` behind it for non-temporal stores."""
    kind: str
    """``bandwidth``, ``latency`` or ``compute``."""
    value: float
    """Median, in ``unit``."""
    unit: str
    """``bytes/s``, ``ns`` or ``operations/s`` (a multiplication and an addition are two)."""
    spread: Spread
    threads: int
    working_set_bytes: int
    """Of all threads together; 0 for compute."""
    residence: str
    """``L1``, ``L2``, ``L3`` or ``memory``: the smallest that holds a thread's share; empty for
    compute."""
    isa: str
    """Instruction set of the loop: ``scalar``, ``sse2``, ``avx2``, ``avx512``, ``neon``, ..."""
    width_bits: int
    streams: int
    """Parallel streams (bandwidth), chains (latency) or accumulators (compute) a thread."""
    pages: str
    """``4K``, ``huge``, ``file``, or empty."""
    allocated_bytes_per_second: float | None = None
    """Bandwidth counted with the read that a write-allocating cache does before each ordinary
    store; None where it doesn't differ."""
    node: int | None = None
    """NUMA node of the memory; None where there is one node."""
    beside: str = ""
    """Group of kernels right before or after which it was made, for their bound, such as ``q4_K in
    memory, 2 threads``; empty for the probes at the beginning of a run."""
    note: str = ""
    """What was done otherwise than asked, such as a smaller size."""


class KernelResult(Data, frozen=True, kw_only=True):
    """One implementation of one shape, timed where its weights live."""

    format: str
    shape: str
    """``vec_dot``, ``gemv`` or ``gemm``."""
    isa: str
    """Ours: the name of the instruction set; ggml's: empty, its build decides."""
    by: str
    """``llamabuild``, or ``ggml:VARIANT``."""
    function: str
    """Symbol of the function that ran."""
    panel_rows: int
    """Rows interleaved; 0 for vec_dot."""
    rows: int
    """Weight rows of one thread."""
    length: int
    """Weights in a row."""
    columns: int
    """Activation rows; 1 but for gemm."""
    residence: str
    """``L1``, ``L2``, ``L3`` or ``memory``."""
    weight_bytes: int
    """All threads together."""
    threads: int
    ns_per_256: float | None
    """Median time for 256 weights and one column, of all threads together: wall time x 256 /
    (weights x columns). None when it was not timed."""
    cycles_per_256: float | None
    """The same in clock cycles of one thread: ``ns_per_256 * threads * clock_hz``."""
    bytes_per_second: float | None
    """Weights read, all threads together."""
    operations_per_second: float | None
    """Two for each weight and column."""
    bound: str
    """``bandwidth`` (read probe of that residence and thread count, for L3 and memory those made
    beside the kernel) or ``compute`` (int8 or f32 peak): whichever is the tighter; empty without
    probes."""
    share_of_bound: float | None
    spread: Spread | None
    """Of ``ns_per_256``."""
    ratio: float | None
    """Time of the fastest ggml kernel of this format, columns, residence and thread count in this
    run over this one's: above 1 is faster than ggml; paired and interleaved."""
    low: float | None
    high: float | None
    """Of the ratio: a signed-rank interval at the run's ``level``, for this comparison by itself,
    as if the rival had been chosen beforehand; it is chosen on the same samples, which makes ratios
    slightly low and lets about 6 % of the intervals miss at 95 %. None where there are too few
    rounds for one, and for the row that others are compared with."""
    against: str
    """``by`` and ``function`` that the ratio refers to."""
    correct: bool | None
    """Against the reference; None when it was not run."""
    max_error: float | None
    """Largest error as a fraction of the sum of absolute terms."""
    samples: tuple[float, ...] = ()
    """``ns_per_256`` of each round; the n-th of all rows with the same format, columns, residence
    and thread count are of one round."""
    status: str = "ok"
    """``ok``, ``unsupported`` (this CPU), ``missing`` (no such symbol), ``wrong``, ``failed``."""
    reason: str = ""


class GgmlLibrary(Data, frozen=True, kw_only=True):
    """A libggml-cpu whose kernels ran beside ours."""

    name: str
    """``ggml:`` and the variant's name."""
    build_id: str
    sha256: str


class Clock(Data, frozen=True, kw_only=True):
    """The core clock, from a chain of dependent one-cycle additions."""

    hz: float
    spread: Spread
    timer: str
    """What the time was read from."""


class KernelRun(Data, frozen=True, kw_only=True):
    """Everything that one call of ``kernels`` measured. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    """Empty while it is under way."""
    status: str
    """``running``, ``interrupted``, ``done`` or ``failed``."""
    command: tuple[str, ...]
    version: str
    quick: bool
    seed: int
    """Of the order within rounds."""
    rounds: int
    """Samples of each kernel."""
    level: float
    """Of the intervals, such as 0.95."""
    threads: tuple[int, ...]
    machine: Machine
    clock: Clock | None
    libraries: tuple[GgmlLibrary, ...]
    probes: tuple[Probe, ...] = ()
    kernels: tuple[KernelResult, ...] = ()
    notes: tuple[str, ...] = ()
    """Lesser modes: what was left out, with the reason."""
