"""From the samples of a group to its rows: medians, ratios to the fastest ggml kernel, bounds."""

from __future__ import annotations

from math import exp, log
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from llamabuild.kernels.registry import Implementation
from llamabuild.kernels.timing import MatMul
from llamabuild.probes.samples import median_is_settled, quantile
from llamabuild.stats import paired_shift
from llamabuild.types.base import Data
from llamabuild.types.kernels import OURS, Clock, KernelResult, Probe, Spread

from .kernels_bound import OPERATIONS, bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.kernels.ggml import Missing
    from llamabuild.kernels.registry import Kernel
    from llamabuild.kernels.timing import Job

    from .kernels_check import Check

LEVEL = 0.95
"""Of each interval by itself. Across a run's hundreds of rows some will miss their value: a
correction for all of them together would take more rounds than a bounded run has."""


DISTURBED = 2.0
"""Median over fastest sample of a product on several threads, which wait for each other: when the
machine has other work for one of their CPUs, all spin, and the time tells nothing about ggml."""
DISTURBED_REASON = "no reference: its threads were disturbed while they waited for each other"


class Context(Data, frozen=True, kw_only=True):
    """What the rows of a run share."""

    clock: Clock | None
    probes: tuple[Probe, ...]


def blank_row(job: Job, *, status: str, reason: str, check: Check | None = None) -> KernelResult:
    """Return the row of a job without a time."""
    kernel = job.kernel
    return KernelResult(
        format=kernel.format,
        shape=kernel.shape,
        isa=kernel.isa if isinstance(kernel, Implementation) else "",
        by=made_by(kernel),
        function=kernel.symbol,
        panel_rows=kernel.panel_rows,
        rows=job.rows,
        length=job.length,
        columns=job.columns,
        residence=job.residence,
        weight_bytes=job.weight_bytes,
        threads=job.threads,
        ns_per_256=None,
        cycles_per_256=None,
        bytes_per_second=None,
        operations_per_second=None,
        bound="",
        share_of_bound=None,
        spread=None,
        ratio=None,
        low=None,
        high=None,
        against="",
        correct=check.correct if check else None,
        max_error=check.error if check else None,
        status=status,
        reason=reason,
    )


def group_rows(
    samples: Mapping[Job, Sequence[float]],
    checks: Mapping[Job, Check],
    context: Context,
    steal_seconds: float | None,
) -> tuple[KernelResult, ...]:
    """Return a row for each job of a group, in order.

    Args:
        samples: ns for 256 weights and one column; the n-th of all jobs are of one round.
        checks: Of the same jobs.
        context: Clock and probes.
        steal_seconds: While the group ran.
    """
    medians = {job: median(taken) for job, taken in samples.items()}
    disturbed = {job for job, taken in samples.items() if _is_disturbed(job, taken)}
    rivals = [j for j in samples if made_by(j.kernel) != OURS and j not in disturbed]
    fastest = min(rivals, key=lambda job: medians[job], default=None)
    rows = []
    for job, taken in samples.items():
        row = _timed(blank_row(job, status="ok", reason="", check=checks[job]), taken, context)
        assert row.spread is not None
        spread = msgspec.structs.replace(row.spread, steal_seconds=steal_seconds)
        reason = DISTURBED_REASON if job in disturbed else ""
        row = msgspec.structs.replace(row, spread=spread, reason=reason)
        if fastest is not None:
            against = f"{made_by(fastest.kernel)} {fastest.kernel.symbol}"
            ratio, low, high = (
                (1.0, None, None) if job == fastest else paired_ratio(samples[fastest], taken)
            )
            row = msgspec.structs.replace(row, ratio=ratio, low=low, high=high, against=against)
        rows.append(row)
    return tuple(rows)


def _is_disturbed(job: Job, samples: Sequence[float]) -> bool:
    waits = isinstance(job.kernel, MatMul) and job.threads > 1
    return waits and median(samples) > DISTURBED * min(samples)


def paired_ratio(
    base: Sequence[float], own: Sequence[float]
) -> tuple[float, float | None, float | None]:
    """Return how many times as fast ``own`` is as ``base``, with its interval at LEVEL.

    Hodges-Lehmann estimate and signed-rank interval of the rounds' log-ratios; no interval
    with too few rounds for the level.
    """
    shift = paired_shift([log(b / o) for b, o in zip(base, own, strict=True)])
    interval = shift.interval(1 - LEVEL)
    if not interval.bounded:
        return exp(shift.estimate), None, None
    return exp(shift.estimate), exp(interval.low), exp(interval.high)


def made_by(kernel: Kernel | MatMul) -> str:
    """Return ``llamabuild``, or ``ggml:VARIANT``."""
    return getattr(kernel, "by", OURS)


def _timed(row: KernelResult, samples: Sequence[float], context: Context) -> KernelResult:
    ordered = sorted(samples)
    nanoseconds = median(ordered)
    weights = row.rows * row.length * row.threads
    bytes_per_256 = row.weight_bytes * 256 / weights
    which, least = bound(
        context.probes,
        format=row.format,
        bytes_per_256=bytes_per_256,
        columns=row.columns,
        residence=row.residence,
        threads=row.threads,
        weight_bytes=row.weight_bytes,
    )
    hz = context.clock.hz if context.clock else None
    return msgspec.structs.replace(
        row,
        ns_per_256=nanoseconds,
        cycles_per_256=nanoseconds * 1e-9 * row.threads * hz if hz else None,
        bytes_per_second=bytes_per_256 / row.columns / nanoseconds * 1e9,
        operations_per_second=OPERATIONS / nanoseconds * 1e9,
        bound=which,
        share_of_bound=least / nanoseconds if least else None,
        spread=Spread(
            low=quantile(ordered, 0.25),
            high=quantile(ordered, 0.75),
            samples=len(ordered),
            stable=median_is_settled(ordered),
            steal_seconds=None,
        ),
        samples=tuple(samples),
    )


def missing_row(missing: Missing) -> KernelResult:
    """Return the row of a ggml kernel that a library doesn't have."""
    return _absent(missing.format, missing.shape, missing.by, missing.symbol, missing.reason)


def unsupported_row(kernel: Implementation, lacks: Sequence[str]) -> KernelResult:
    """Return the row of a kernel of ours that this CPU can't run."""
    reason = f"this CPU lacks {' and '.join(lacks)}"
    row = _absent(kernel.format, kernel.shape, OURS, kernel.symbol, reason)
    return msgspec.structs.replace(
        row, status="unsupported", isa=kernel.isa, panel_rows=kernel.panel_rows
    )


def _absent(weights: str, shape: str, by: str, function: str, reason: str) -> KernelResult:
    return KernelResult(
        format=weights,
        shape=shape,
        isa="",
        by=by,
        function=function,
        panel_rows=0,
        rows=0,
        length=0,
        columns=0,
        residence="",
        weight_bytes=0,
        threads=0,
        ns_per_256=None,
        cycles_per_256=None,
        bytes_per_second=None,
        operations_per_second=None,
        bound="",
        share_of_bound=None,
        spread=None,
        ratio=None,
        low=None,
        high=None,
        against="",
        correct=None,
        max_error=None,
        status="missing",
        reason=reason,
    )
