"""The table of marginal costs for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from llamabuild.report import numbers

if TYPE_CHECKING:
    from llamabuild.report.cost_document import Cost, CostRow

PLAIN = {"configure", "compile"}


def cost_table(cost: Cost) -> Table | None:
    """Return one row for each different build; None for a run that built nothing itself.

    What a build took is told of the time when it was made, as in the other formats.
    """
    rows = [row for row in cost.rows if row.build and not row.shares and not row.why_none]
    if all(row.cached for row in rows):
        return None
    stock = cost.full_build_seconds
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("build", overflow="fold")
    for head in ("wall", "CPU s", *(["of stock"] if stock else []), "compiled"):
        table.add_column(head, justify="right", no_wrap=True)
    stages = any(map(_stages, rows))
    if stages:
        table.add_column("stages")
    table.add_column("in this run", no_wrap=True)
    for row in rows:
        share = [numbers.percent(row.seconds / stock, 0)] if stock else []
        cells = (
            row.variant,
            numbers.seconds(row.seconds),
            f"{row.cpu_seconds:.0f}",
            *share,
            _compiled(row),
            *([_stages(row)] if stages else []),
            "was there" if row.cached else "built",
        )
        table.add_row(*map(Text, cells))
    return table


def _compiled(row: CostRow) -> str:
    """Say how many files the compiler really saw, of all; the compiler cache had the rest."""
    if row.cache_hits < 0:
        return f"{row.compiled}"
    return f"{row.compiled - row.cache_hits} of {row.compiled}"


def _stages(row: CostRow) -> str:
    """Name what was done besides configuring and compiling, the steps of a profile as one."""
    names = (stage.name.partition(":")[0] for stage in row.stages)
    return ", ".join(dict.fromkeys(name for name in names if name not in PLAIN))
