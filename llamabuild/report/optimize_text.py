"""``optimize`` on a terminal and in a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.optimize_rows import (
    interaction_lines,
    log_headers,
    log_rows,
    memory_line,
    method_line,
    rejected_headers,
    rejected_rows,
    result_headers,
    result_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from llamabuild.report.optimize_document import OptimizeDocument

WIDTH = 140


def render_optimize_text(document: OptimizeDocument, width: int = WIDTH) -> str:
    """Return the answer, the log, what was rejected and why, and what carries the result."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(Text(document.answer.replace("`", "")))
        console.print()
        console.print(_table(log_headers(document), log_rows(document)))
        if document.reached:
            console.print(_table(result_headers(document), result_rows(document)))
        if document.rejected:
            console.print(Text("Not in the result:"))
            console.print(_table(rejected_headers(document), rejected_rows(document)))
        for line in interaction_lines(document):
            console.print(Text(f"Interaction: {line}"))
        if document.left_out:
            console.print(Text("\nNot searched:"))
            for each in document.left_out:
                console.print(Text(f"  {each.part}: {each.reason}"))
        for line in (memory_line(document), *map(numbers.sentence, document.notes)):
            console.print(Text(line))
        for name, content in document.files.items():
            # To be pasted: no line may be broken.
            console.print(Text(f"\n--- {name}\n{content.rstrip()}"), soft_wrap=True)
        if document.deployment:
            for note in document.deployment.notes:
                console.print(Text(f"Note: {note}"))
        console.print(Text(f"\n{method_line(document)}"))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
