"""The table of ratios while blocks come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from llamabuild.types.comparison import BASELINE, FASTER, NOT_MEASURED, SLOWER

if TYPE_CHECKING:
    from llamabuild.types.comparison import Comparison, ComparisonSet

STYLES = {FASTER: "bold green", SLOWER: "bold magenta", BASELINE: "dim", NOT_MEASURED: "dim"}


def ratio_table(comparisons: ComparisonSet) -> Table:
    """Return one row an arm with throughput and ratio [interval] for each workload."""
    workloads = list(dict.fromkeys(c.workload for c in comparisons.comparisons))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"{comparisons.blocks} counted")
    table.add_column("variant")
    for workload in workloads:
        table.add_column(f"{workload} tokens/s", justify="right")
        table.add_column(r"ratio \[interval]")
    rows: dict[str, dict[str, Comparison]] = {}
    for comparison in comparisons.comparisons:
        rows.setdefault(comparison.arm, {})[comparison.workload] = comparison
    for arm, found in rows.items():
        cells = [arm]
        for workload in workloads:
            comparison = found[workload]
            style = STYLES.get(comparison.verdict, "")
            cells.append("" if comparison.median is None else f"{comparison.median:.1f}")
            text = escape(ratio_text(comparison))
            cells.append(f"[{style}]{text}[/]" if style else text)
        table.add_row(*cells)
    return table


def ratio_line(comparisons: ComparisonSet) -> str:
    """Return one line with the ratios of all arms, for logs."""
    arms: dict[str, list[str]] = {}
    for comparison in comparisons.comparisons:
        if comparison.verdict != BASELINE:
            result = f"{comparison.workload} {ratio_text(comparison)}"
            arms.setdefault(comparison.arm, []).append(result)
    return "; ".join(f"{arm}: {', '.join(results)}" for arm, results in arms.items())


def ratio_text(comparison: Comparison) -> str:
    """Format ratio and interval."""
    if comparison.ratio is None:
        return comparison.verdict
    if comparison.verdict == BASELINE:
        return "1 (baseline)"
    if comparison.low is None or comparison.high is None:
        return f"{comparison.ratio:.3f} (too few blocks)"
    return f"{comparison.ratio:.3f} [{comparison.low:.3f}, {comparison.high:.3f}]"
