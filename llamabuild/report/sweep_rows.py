"""A sweep as flat rows: cells for people, columns with units for files and data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.format_rows import (
    BANDWIDTH_HEAD,
    BOUND_HEAD,
    FRONT,
    QUALITY_HEADS,
    SIZE_HEADS,
    format_columns,
    quality_cells,
    size_cells,
)
from llamabuild.report.palette import VERDICT_MARK

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.rows import Row
    from llamabuild.report.sweep_document import SweepInfo, SweepPoint, SweepResult


def sweep_headers(info: SweepInfo) -> list[str]:
    """Return the heads of the table for people."""
    heads = [axis.name for axis in info.axes]
    heads += SIZE_HEADS if info.formats else ()
    for place, result in enumerate(info.points[0].workloads if info.points else ()):
        heads += [f"{result.name} ({units(info)[place]})", f"vs {info.points[0].label}"]
        heads += ["efficiency"] if scales(info) else []
        heads += ["accepted"] if guesses(info) else []
        heads += [BANDWIDTH_HEAD] if weighs(info, result.name) else []
        heads += [BOUND_HEAD] if bounded(info, result.name) else []
    heads += ["KV cache"] if caches(info) else []
    heads += QUALITY_HEADS if judges(info) else ()
    heads += ["peak memory"]
    return [*heads, f"memory vs {info.points[0].label}"] if caches(info) else heads


def sweep_cells(info: SweepInfo) -> list[list[str]]:
    """Return one row a point, in the order of the values; a failed one says why."""
    rows = []
    for place, point in enumerate(info.points):
        cells, form = _values(point), point.format
        cells += size_cells(form) if info.formats else []
        peaks = [r.peak_rss_bytes for r in point.workloads if r.peak_rss_bytes is not None]
        for number, result in enumerate(point.workloads):
            compared = _compared(result, first=place == 0)
            if point.status != "ready":
                compared = point.status if number == 0 else ""
            cells += [numbers.throughput(result.first_token_ms or result.median), compared]
            cells += [numbers.part(result.efficiency)] if scales(info) else []
            cells += [numbers.part(result.acceptance)] if guesses(info) else []
            if weighs(info, result.name):
                cells.append(numbers.part(form.bandwidth_share if form else None))
            if bounded(info, result.name):
                cells.append(numbers.part(form.bound_shares.get(result.name) if form else None))
        cells += [numbers.size(point.kv_cache_bytes)] if caches(info) else []
        cells += quality_cells(form) if judges(info) else []
        cells += [numbers.size(max(peaks, default=None))]
        rows.append([*cells, difference(point.more_memory_bytes)] if caches(info) else cells)
    return rows


def format_headers(info: SweepInfo) -> list[str]:
    """Return the heads of a table of what the formats cost, without their speeds."""
    workload = info.formats.workload if info.formats else ""
    heads = [*(axis.name for axis in info.axes), *SIZE_HEADS, f"{workload} {BANDWIDTH_HEAD}"]
    return heads + list(QUALITY_HEADS if judges(info) else ())


def format_cells(info: SweepInfo) -> list[list[str]]:
    """Return one row a point, as :func:`sweep_cells`."""
    rows = []
    for point in info.points:
        share = point.format.bandwidth_share if point.format else None
        cells = [*_values(point), *size_cells(point.format), numbers.part(share)]
        rows.append(cells + (quality_cells(point.format) if judges(info) else []))
    return rows


def sweep_rows(document: Document) -> list[Row]:
    """Return one row a point and workload, units in the names."""
    info = document.sweep
    if info is None:
        return []
    return [
        {"run": document.run.id, "variant": point.variant}
        | {axis.name: value for axis, value in zip(info.axes, point.values, strict=True)}
        | {
            "kv_cache_bytes": point.kv_cache_bytes,
            "more_memory_bytes": point.more_memory_bytes,
            "status": point.status,
            "reason": point.reason,
            "workload": result.name,
            "median_tokens_per_second": result.median,
            "ratio": result.ratio,
            "ratio_low": result.low,
            "ratio_high": result.high,
            "verdict": result.verdict,
            "efficiency_fraction": result.efficiency,
            "peak_rss_bytes": result.peak_rss_bytes,
            "first_token_ms": result.first_token_ms,
            "drafted_tokens": result.drafted_tokens,
            "acceptance_fraction": result.acceptance,
        }
        | format_columns(point.format, info.formats)
        for point in info.points
        for result in point.workloads
    ]


def scales(info: SweepInfo) -> bool:
    """Tell whether the points have an efficiency."""
    return any(r.efficiency is not None for point in info.points for r in point.workloads)


def units(info: SweepInfo) -> list[str]:
    """Return the unit of each workload's figures: of waiting it is a time."""
    columns = zip(*(point.workloads for point in info.points if point.workloads), strict=True)
    return [
        "ms" if any(r.first_token_ms is not None for r in column) else column[0].unit
        for column in columns
    ]


def guesses(info: SweepInfo) -> bool:
    """Tell whether tokens were guessed at any point."""
    return any(r.acceptance is not None for point in info.points for r in point.workloads)


def caches(info: SweepInfo) -> bool:
    """Tell whether the points differ in their KV cache and its size is known."""
    return any(point.kv_cache_bytes is not None for point in info.points)


def difference(size: float | None) -> str:
    """Return a size with its sign: what was measured beside a computed KV cache."""
    if size is None:
        return numbers.MISSING
    sign = "+" if size > 0 else "−" if size < 0 else ""
    return f"{sign}{numbers.size(abs(size))}"


def weighs(info: SweepInfo, workload: str) -> bool:
    """Tell whether the points are shown as shares of the bandwidth on a workload."""
    return info.formats is not None and info.formats.workload == workload


def bounded(info: SweepInfo, workload: str) -> bool:
    """Tell whether the points are shown as shares of another bound on a workload."""
    return any(point.format and workload in point.format.bound_shares for point in info.points)


def judges(info: SweepInfo) -> bool:
    """Tell whether the quality of any point is known."""
    return info.formats is not None and info.formats.tokens > 0


def _values(point: SweepPoint) -> list[str]:
    cells = [value or "default" for value in point.values]
    if point.format is not None and point.format.on_front:
        cells[-1] += f" {FRONT}"
    return cells


def _compared(result: SweepResult, *, first: bool) -> str:
    if result.ratio is None or first:
        return "first" if first and result.median is not None else result.verdict
    number = numbers.ratio(result.ratio, result.low, result.high)
    span = numbers.interval(result.ratio, result.low, result.high)
    return f"{VERDICT_MARK.get(result.verdict, '')} {number} {span}".strip()
