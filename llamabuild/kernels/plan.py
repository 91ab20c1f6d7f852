"""Which kernels are timed where, beside which of ggml's, and how long that takes: pure data.

A group is what is timed interleaved and compared: all kernels of one format, with the same number
of columns, the same threads and weights in the same place. Groups come in the order of importance,
so that a run that is cut short has the most telling ones.
"""

from __future__ import annotations

from collections.abc import Callable
from math import lcm
from typing import TYPE_CHECKING

from llamabuild.types.base import Data

from .formats import row_bytes
from .registry import SHAPES, instruction_sets
from .timing import SETTLE_SECONDS, Job, MatMul

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .ggml import GgmlFunction
    from .registry import Implementation

RESIDENCES = ("L1", "L2", "L3", "memory")
QUICK_RESIDENCES = ("L2", "memory")
GEMM_RESIDENCES = ("L3", "memory")
"""The first of them that the machine has. gemm works on one part of the weights for many columns,
so that where they came from matters little; but real matrices fit in no smaller cache."""
GEMM_ROWS = 4096
"""Of all threads together, at most, unless the weights shall lie in memory: as in a layer of a
model of some billion weights."""
QUICK_FORMATS = ("q4_K", "q8_0", "q4_0", "q6_K")
FIRST_FORMATS = (*QUICK_FORMATS, "q5_K", "iq4_nl")
"""By how many models are in them."""
GEMM_COLUMNS = (32, 64)
PORTABLE_ISA = "avx2"
"""Measured everywhere besides the best one: what most machines have."""
ROUNDS, QUICK_ROUNDS = 12, 7
"""An exact 95 % interval takes six."""
STEP = 256
"""Weights; a row's length is a multiple of it, which suits all formats."""
LONGEST_ROW = 4096
FEWEST_ROWS, FEWEST_PANELS = 4, 2
"""Rather shorter rows than fewer: a matrix of a single panel shows no kernel at its best."""

PASSES = {True: 2, False: 1}
"""Over weights that take longer than a sample; by whether they are warmed up."""
BYTES_PER_SECOND, MOST_BYTES_PER_SECOND = 8e9, 20e9
"""Of one thread and of all together, for the estimate: a middling kernel's."""
OPERATIONS_PER_SECOND, SCALAR_OPERATIONS_PER_SECOND = 6e10, 1e9
"""Of one thread, for the estimate; of the scalar reference, which is there to be right."""
TOUCH_BYTES_PER_SECOND = 1e9
SAMPLE_SECONDS = 0.003
"""Of the shortest sample with all around it."""
LAYOUT_SECONDS = 0.15
"""To quantize and pack the weights that repeat, and to check a kernel on them."""

Place = Callable[[str, int, int], int]
"""Bytes of each thread's weights, from the residence, the thread count and how many times the
weights are in memory at once; 0: there is no such place, or no memory for it."""


class Wish(Data, frozen=True, kw_only=True):
    """What to time; what is empty is chosen."""

    threads: tuple[int, ...]
    quick: bool = False
    formats: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    isas: tuple[str, ...] = ()
    """All of these everywhere, instead of the best everywhere and the others in one place."""
    residences: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    """Of gemm."""

    @property
    def rounds(self) -> int:
        """Samples of each kernel."""
        return QUICK_ROUNDS if self.quick else ROUNDS


class Group(Data, frozen=True, kw_only=True):
    """Kernels that are timed interleaved and compared."""

    format: str
    columns: int
    residence: str
    threads: int
    jobs: tuple[Job, ...]
    seconds: float
    """Expected."""

    @property
    def title(self) -> str:
        """For people."""
        columns = f", {self.columns} columns" if self.columns > 1 else ""
        threads = f"{self.threads} thread" + ("s" if self.threads > 1 else "")
        return f"{self.format} in {self.residence}, {threads}{columns}"


def plan_groups(
    wish: Wish,
    kernels: Sequence[Implementation],
    rivals: Sequence[GgmlFunction | MatMul],
    place: Place,
    cpus: Sequence[int],
) -> tuple[Group, ...]:
    """Return all groups, the most important first.

    Args:
        wish: What is asked for.
        kernels: Ours, all of which this CPU can run.
        rivals: ggml's.
        place: Says how many weights.
        cpus: To pin threads to, in this order.
    """
    formats = wish.formats or tuple(dict.fromkeys(k.format for k in kernels))
    if wish.quick and not wish.formats:
        formats = QUICK_FORMATS
    groups = []
    for name in formats:
        for columns, residence in _places(wish, place):
            for threads in wish.threads:
                everything = _has_everything(wish, columns, residence, threads)
                ours = _ours(wish, kernels, (name, columns), everything=everything)
                beside = [
                    r
                    for r in rivals
                    if r.format == name and _fits(r.shape, columns) and columns % r.column_step == 0
                ]
                together = [*ours, *beside]
                size = place(residence, threads, layouts(together)) if ours else 0
                if not size:
                    continue
                jobs = _jobs(together, size, columns, residence, cpus[:threads])
                groups.append(
                    Group(
                        format=name,
                        columns=columns,
                        residence=residence,
                        threads=threads,
                        jobs=jobs,
                        seconds=_seconds(jobs, wish.rounds),
                    )
                )
    most = max(wish.threads, default=1)
    return tuple(sorted(groups, key=lambda group: _importance(group, most)))


def fit(groups: Sequence[Group], seconds: float) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Return the groups that fit into a time, in their order, and those that don't."""
    kept: list[Group] = []
    left_out: list[Group] = []
    for group in groups:
        if group.seconds <= seconds:
            seconds -= group.seconds
            kept.append(group)
        else:
            left_out.append(group)
    return tuple(kept), tuple(left_out)


def layouts(kernels: Sequence[Implementation | GgmlFunction | MatMul]) -> int:
    """Return how many times the weights of a group are in memory at once."""
    products = [k for k in kernels if isinstance(k, MatMul)]
    packed = {
        (k.panel_rows, getattr(k, "library", "") if k.panel_rows else "")
        for k in kernels
        if not isinstance(k, MatMul)
    }
    # Before a product has its weights, they are laid out to be handed over.
    return len(packed) + len(products) + bool(products)


def _places(wish: Wish, place: Place) -> Iterable[tuple[int, str]]:
    """Yield columns and residence."""
    shapes = wish.shapes or SHAPES
    if "vec_dot" in shapes or "gemv" in shapes:
        default = QUICK_RESIDENCES if wish.quick else RESIDENCES
        for residence in wish.residences or default:
            yield 1, residence
    wanted = bool(wish.columns) or "gemm" in wish.shapes or not wish.quick
    if "gemm" in shapes and wanted:
        there = [r for r in GEMM_RESIDENCES if any(place(r, n, 1) for n in wish.threads)]
        for columns in wish.columns or GEMM_COLUMNS:
            for residence in wish.residences or there[:1]:
                yield columns, residence


def _has_everything(wish: Wish, columns: int, residence: str, threads: int) -> bool:
    """Whether this is the one place where all instruction sets are timed."""
    first = (wish.residences or RESIDENCES)[0]
    return (
        not wish.quick
        and columns == 1
        and residence == first
        and threads == min(wish.threads, default=1)
    )


def _fits(shape: str, columns: int) -> bool:
    return (shape == "gemm") == (columns > 1)


def _ours(
    wish: Wish, kernels: Sequence[Implementation], what: tuple[str, int], *, everything: bool
) -> list[Implementation]:
    name, columns = what
    able = [
        k
        for k in kernels
        if k.format == name
        and _fits(k.shape, columns)
        and k.shape in (wish.shapes or SHAPES)
        and k.isa in (wish.isas or (k.isa,))
    ]
    if wish.isas or everything:
        return able
    order = [isa.name for isa in instruction_sets()]
    chosen: dict[Implementation, None] = {}
    for shape in SHAPES:
        for among in ("", "" if wish.quick else PORTABLE_ISA):
            best = max(
                (k for k in able if k.shape == shape and among in ("", k.isa)),
                key=lambda k: (order.index(k.isa), k.panel_rows),
                default=None,
            )
            if best:
                chosen[best] = None
    return list(chosen)


def _jobs(
    kernels: Sequence[Implementation | GgmlFunction | MatMul],
    size: int,
    columns: int,
    residence: str,
    cpus: Sequence[int],
) -> tuple[Job, ...]:
    """Return a job for each kernel, all over as many weights."""
    panel = lcm(*(max(1, k.panel_rows) for k in kernels))
    name = kernels[0].format
    fewest = max(FEWEST_PANELS * panel if panel > 1 else 1, FEWEST_ROWS)
    steps = size // (fewest * row_bytes(name, STEP))
    length = STEP * max(1, min(LONGEST_ROW // STEP, steps))
    rows = panel * max(1, size // (panel * row_bytes(name, length)))
    if columns > 1 and residence != "memory":
        rows = min(rows, panel * max(1, GEMM_ROWS // len(cpus) // panel))
    return tuple(
        Job(
            kernel=kernel,
            length=length,
            rows=rows,
            cpus=tuple(cpus),
            columns=columns,
            residence=residence,
            warm=residence != "memory",
        )
        for kernel in kernels
    )


def _seconds(jobs: Sequence[Job], rounds: int) -> float:
    """Return the time that a group takes, which is the estimate that keeps a run within its own."""
    total = layouts([job.kernel for job in jobs]) * jobs[0].weight_bytes / TOUCH_BYTES_PER_SECOND
    for job in jobs:
        rate = min(BYTES_PER_SECOND * job.threads, MOST_BYTES_PER_SECOND)
        scalar = getattr(job.kernel, "isa", "") == "scalar"
        speed = SCALAR_OPERATIONS_PER_SECOND if scalar else OPERATIONS_PER_SECOND
        operations = 2 * job.weights * job.columns
        each = max(job.weight_bytes / rate, operations / (speed * job.threads))
        settle = SETTLE_SECONDS if isinstance(job.kernel, MatMul) else 0.0
        sample = max(SAMPLE_SECONDS, PASSES[job.warm] * each) + settle
        total += (rounds + 1) * sample + LAYOUT_SECONDS
    return total


def _importance(group: Group, most_threads: int) -> tuple[int, int]:
    rank = (
        FIRST_FORMATS.index(group.format) if group.format in FIRST_FORMATS else len(FIRST_FORMATS)
    )
    first = rank < len(FIRST_FORMATS)
    if group.columns > 1:
        stage = 2 if group.format in {"q4_K", "q8_0"} else 4
    elif group.residence in {"L1", "L2"}:
        stage = 0 if first else 3
    elif group.residence == "memory" and group.threads == most_threads:
        stage = 1 if first else 3
    else:
        stage = 4 if first else 5
    return stage, rank
