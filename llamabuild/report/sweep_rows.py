"""A sweep as flat rows: cells for people, columns with units for files and data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import VERDICT_MARK

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.rows import Row
    from llamabuild.report.sweep_document import SweepInfo, SweepResult


def sweep_headers(info: SweepInfo) -> list[str]:
    """Return the heads of the table for people."""
    heads = [axis.name for axis in info.axes]
    for place, result in enumerate(info.points[0].workloads if info.points else ()):
        heads += [f"{result.name} ({units(info)[place]})", f"vs {info.points[0].label}"]
        heads += ["efficiency"] if scales(info) else []
        heads += ["accepted"] if guesses(info) else []
    heads += ["KV cache"] if caches(info) else []
    return [*heads, "peak memory"]


def sweep_cells(info: SweepInfo) -> list[list[str]]:
    """Return one row a point, in the order of the values; a failed one says why."""
    rows = []
    for place, point in enumerate(info.points):
        cells = [value or "default" for value in point.values]
        peaks = [r.peak_rss_bytes for r in point.workloads if r.peak_rss_bytes is not None]
        for number, result in enumerate(point.workloads):
            compared = _compared(result, first=place == 0)
            if point.status != "ready":
                compared = point.status if number == 0 else ""
            cells += [numbers.throughput(result.first_token_ms or result.median), compared]
            cells += [numbers.part(result.efficiency)] if scales(info) else []
            cells += [numbers.part(result.acceptance)] if guesses(info) else []
        cells += [numbers.size(point.kv_cache_bytes)] if caches(info) else []
        rows.append([*cells, numbers.size(max(peaks, default=None))])
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


def _compared(result: SweepResult, *, first: bool) -> str:
    if result.ratio is None or first:
        return "first" if first and result.median is not None else result.verdict
    number = numbers.ratio(result.ratio, result.low, result.high)
    span = numbers.interval(result.ratio, result.low, result.high)
    return f"{VERDICT_MARK.get(result.verdict, '')} {number} {span}".strip()
