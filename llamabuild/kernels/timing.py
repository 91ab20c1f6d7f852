"""Timing kernels side by side: every job once a round, in an order shuffled anew for each round.

What a job's samples share within a round (clock, neighbours on the machine) they share with those
of all other jobs, so ratios are taken within rounds.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.extension import load_extension
from llamabuild.machine.memory import available_bytes
from llamabuild.types.base import Data

from . import ggml, run
from .formats import find_format, quantize, row_bytes
from .ggml_graph import Graph
from .ggml_library import load
from .registry import Implementation, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from llamabuild._native import PlacedWeights

SAMPLE_SECONDS = 2e-4
"""A sample repeats its job for at least this long."""
PATTERN_ROWS = 64
"""Different weight rows; they repeat over a thread's weights."""
SETTLE_SECONDS = 0.01
"""After a MUL_MAT: OpenMP's threads spin for some milliseconds before they sleep, and would take
the CPU from the next job."""
FEW_ROWS = 64
"""Weight rows of a thread in the product that is subtracted from a whole one."""
FEWEST_TIMES = 8
"""Times as many rows in the whole one, so that the difference is nearly all of it."""
MEMORY_SHARE = 0.8
"""Of the memory available now, for the weights of one job."""
DATA_SEED = 1
"""Of weights and activations; no kernel's time depends on ordinary values."""

Sampler = Callable[[], float]
"""Takes one sample: wall seconds of one pass over all weights."""


class MatMul(Data, frozen=True, kw_only=True):
    """A MUL_MAT as llama.cpp runs it on its own threads.

    The conversion of its activations, a part of the operation, is not in its time.
    """

    format: str
    by: str
    """``ggml:VARIANT``."""
    library: str
    """Path of the libggml-cpu."""
    repack: bool
    """Weights in the repack buffer; otherwise in the default one, where ggml takes the tiled
    matmul or tinyBLAS if it has one for the format."""
    shape: str = "gemm"
    panel_rows: int = 0
    column_step: int = 1

    @property
    def symbol(self) -> str:
        """What stands in the place of a function's name."""
        return "ggml_mul_mat (repacked)" if self.repack else "ggml_mul_mat"


class Job(Data, frozen=True, kw_only=True):
    """One thing to time."""

    kernel: Implementation | ggml.GgmlFunction | MatMul
    length: int
    """Weights in a row."""
    rows: int
    """Weight rows of one thread."""
    cpus: tuple[int, ...]
    """One pinned thread on each. A ``MatMul`` takes as many threads, which ggml places."""
    columns: int = 1
    residence: str = ""
    """Where the weights are meant to lie, as the caller calls it."""
    huge_pages: bool = False
    """Ask for transparent huge pages."""
    warm: bool = True
    """One unmeasured pass before each sample, which brings the weights back to the cache that they
    fit in. For weights that fit in none it would cost time and change nothing."""

    @property
    def threads(self) -> int:
        """How many."""
        return len(self.cpus)

    @property
    def weights(self) -> int:
        """Weights of all threads together."""
        return self.rows * self.length * self.threads

    @property
    def weight_bytes(self) -> int:
        """Of all threads together."""
        return self.rows * row_bytes(self.kernel.format, self.length) * self.threads

    def ns_per_256(self, seconds: float) -> float:
        """Return the time for 256 weights and one column, from that of a pass over all."""
        return seconds * 1e9 * 256 / (self.weights * self.columns)


def time_jobs(
    jobs: Sequence[Job],
    rounds: int,
    seed: int,
    *,
    on_round: Callable[[int, dict[Job, float]], None] | None = None,
    should_stop: Callable[[dict[Job, tuple[float, ...]]], bool] | None = None,
    on_failure: Callable[[Job, Exception], None] | None = None,
) -> dict[Job, tuple[float, ...]]:
    """Return the samples of each job, one for each round, in ns for 256 weights and one column.

    Jobs of the same weights share them in memory. Every job runs before the first round, so that
    one that can't is known then, and ``warm`` ones once unmeasured before each sample.

    Args:
        jobs: All different.
        rounds: At most so many.
        seed: Of the order within the rounds.
        on_round: Called after each with its index and samples.
        should_stop: Called after each with all samples so far; True ends the rounds.
        on_failure: Called for a job that can't be prepared, which is then left out; None: raise.

    Raises:
        ValueError: A job doesn't fit its format.
        EnvironmentLacks: This CPU can't run a kernel, or memory or a CPU to pin to is missing.
    """
    if len(set(jobs)) != len(jobs):
        message = "jobs: expected each only once"
        raise ValueError(message)
    samples: dict[Job, list[float]] = {}
    order = random.Random(seed)  # noqa: S311
    with ExitStack() as stack:
        samplers = _prepare(jobs, stack, on_failure)
        samples = {job: [] for job in samplers}
        for index in range(rounds):
            for job in order.sample(list(samplers), len(samplers)):
                samples[job].append(job.ns_per_256(samplers[job]()))
            if on_round:
                on_round(index, {job: taken[-1] for job, taken in samples.items()})
            if should_stop and should_stop({job: tuple(s) for job, s in samples.items()}):
                break
    return {job: tuple(taken) for job, taken in samples.items()}


def _prepare(
    jobs: Sequence[Job], stack: ExitStack, on_failure: Callable[[Job, Exception], None] | None
) -> dict[Job, Sampler]:
    placed: dict[tuple[object, ...], PlacedWeights] = {}
    samplers = {}
    for job in jobs:
        try:
            sampler = (
                _matmul_sampler(job, job.kernel, stack)
                if isinstance(job.kernel, MatMul)
                else _kernel_sampler(job, job.kernel, placed)
            )
            sampler()
            samplers[job] = sampler
        except (EnvironmentLacks, ValueError) as error:
            if on_failure is None:
                raise
            on_failure(job, error)
    return samplers


def _kernel_sampler(
    job: Job,
    kernel: Implementation | ggml.GgmlFunction,
    placed: dict[tuple[object, ...], PlacedWeights],
) -> Sampler:
    require(kernel)
    packer = kernel.library if isinstance(kernel, ggml.GgmlFunction) and kernel.layout else ""
    key = (kernel.format, kernel.panel_rows, packer, job.length, job.rows, job.cpus, job.huge_pages)
    if key not in placed:
        placed[key] = _place(job, kernel)
    weights = placed[key]
    activations = _activations(job, kernel)
    time_kernel = load_extension().time_kernel

    def sample() -> float:
        [seconds] = time_kernel(
            shape=kernel.shape,
            address=kernel.address,
            format_name=kernel.format,
            length=job.length,
            rows=job.rows,
            columns=job.columns,
            panel_rows=kernel.panel_rows,
            weights=weights,
            activations=activations,
            min_seconds=SAMPLE_SECONDS,
            warm=job.warm,
        )
        return float(seconds)

    return sample


def _place(job: Job, kernel: Implementation | ggml.GgmlFunction) -> PlacedWeights:
    panel = max(1, kernel.panel_rows)
    whole = -(-job.rows // panel) * panel
    rows = _weights(kernel.format, min(whole, PATTERN_ROWS), job.length)
    if kernel.shape == "vec_dot":
        pattern = rows.reshape(-1)
    elif isinstance(kernel, ggml.GgmlFunction):
        pattern = ggml.repack(kernel, rows)
    else:
        pattern = run.pack(kernel.format, kernel.panel_rows, rows)
    size = whole * row_bytes(kernel.format, job.length)
    _require_memory(size * job.threads)
    try:
        weights: PlacedWeights = load_extension().PlacedWeights(
            pattern, size, list(job.cpus), job.huge_pages
        )
    except MemoryError:
        raise _no_memory(size * job.threads) from None
    except OSError as error:
        raise _no_cpus(job.cpus, error) from error
    return weights


def _no_cpus(cpus: tuple[int, ...], error: OSError) -> EnvironmentLacks:
    message = f"cannot time on the CPUs {', '.join(map(str, cpus))} ({error.strerror})"
    return EnvironmentLacks(message, "take CPUs that this process may use")


def _require_memory(size: int) -> None:
    """Refuse what isn't there: the system would rather end this process than refuse it."""
    available = available_bytes()
    if available is not None and size > MEMORY_SHARE * available:
        raise _no_memory(size)


def _no_memory(size: int) -> EnvironmentLacks:
    return EnvironmentLacks(f"no memory for {size >> 20} MiB of weights", "time fewer rows")


def _weights(name: str, rows: int, length: int) -> NDArray[np.uint8]:
    return quantize(name, _values(rows, length, seed=DATA_SEED))


def _activations(job: Job, kernel: Implementation | ggml.GgmlFunction) -> NDArray[np.uint8]:
    values = _values(job.columns, job.length, seed=DATA_SEED + 1)
    if kernel.shape == "gemm" and isinstance(kernel, ggml.GgmlFunction):
        return ggml.quads(kernel, values)
    return quantize(find_format(kernel.format).activation or "", values)


def _values(rows: int, length: int, *, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, length), np.float32)


def _matmul_sampler(job: Job, kernel: MatMul, stack: ExitStack) -> Sampler:
    """Return a sampler of the product alone, without the conversion of the activations.

    ggml converts them within the operation, at the same cost for any number of weight rows. The
    kernels beside it get theirs converted, so what a product of few rows takes is subtracted from
    that of all rows, and the rest is scaled to all.
    """
    rows, few = job.rows * job.threads, FEW_ROWS * job.threads
    if rows < FEWEST_TIMES * few:
        message = (
            f"{rows} rows are too few to tell a product from the conversion of its activations: "
            f"expected {FEWEST_TIMES * few} or more"
        )
        raise ValueError(message)
    # The rows are laid out once more, to be handed to ggml in one piece.
    _require_memory(2 * job.weight_bytes)
    whole = _graph(job, kernel, rows, stack)
    part = _graph(job, kernel, few, stack)

    def sample() -> float:
        with _confined(job.cpus):
            all_rows, few_rows = _time_product(whole, warm=job.warm), _time_product(part, warm=True)
            time.sleep(SETTLE_SECONDS)
        if few_rows >= all_rows:  # only on a machine that something else keeps busy
            return all_rows
        return (all_rows - few_rows) * rows / (rows - few)

    return sample


def _graph(job: Job, kernel: MatMul, rows: int, stack: ExitStack) -> Graph:
    graph = stack.enter_context(
        Graph(
            load(Path(kernel.library)),
            ggml.facts_of(kernel.format).type,
            job.length,
            rows,
            job.columns,
            repack=kernel.repack,
            threads=job.threads,
        )
    )
    pattern = _weights(kernel.format, min(rows, PATTERN_ROWS), job.length)
    graph.set_weights(np.resize(pattern, (rows, pattern.shape[1])))
    graph.set_activations(_values(job.columns, job.length, seed=DATA_SEED + 1))
    return graph


def _time_product(graph: Graph, *, warm: bool) -> float:
    """Return the wall seconds of one product, from as many as fill a sample."""
    if warm:
        graph.compute()
    begin = time.perf_counter()
    passes = 0
    while (took := time.perf_counter() - begin) < SAMPLE_SECONDS or passes == 0:
        graph.compute()
        passes += 1
    return took / passes


@contextmanager
def _confined(cpus: tuple[int, ...]) -> Iterator[None]:
    """Keep the calling thread, and those that ggml starts from it, on these CPUs.

    ggml's threads don't stay on one CPU each, as ours do, but on the same CPUs all together.
    """
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        raise _no_cpus(cpus, error) from error
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
