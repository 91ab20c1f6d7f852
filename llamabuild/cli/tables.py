"""Tables for people: plain off a terminal, never wider than the terminal on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table to stdout."""
    print_groups(headers, [((), rows)])


def print_groups(
    headers: Sequence[str],
    groups: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]],
    *,
    most: Mapping[str, int] | None = None,
) -> None:
    """Print a table of groups to stdout.

    Args:
        headers: One for each column.
        groups: The row that stands above the group, empty for none, and the group's rows.
        most: Widest that columns may become, by header; longer texts are wrapped.
    """
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold", max_width=(most or {}).get(header))
    for heading, rows in groups:
        if heading:
            table.add_section()
            table.add_row(*(Text(cell, style="bold") for cell in heading))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
    console.print(table)
