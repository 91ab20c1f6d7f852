"""An optimization as Markdown, for pasting into an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.markdown import escape, marked, row_line
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

    from llamabuild.report.optimize_document import OptimizeDocument

FENCE = "```"


def render_optimize_markdown(document: OptimizeDocument) -> str:
    """Return the answer, the tables, and the files that carry the result."""
    lines = [marked(document.answer), ""]
    lines += _table(log_headers(document), log_rows(document))
    if document.reached:
        lines += _table(result_headers(document), result_rows(document))
    if document.rejected:
        lines += ["Not in the result:", ""]
        lines += _table(rejected_headers(document), rejected_rows(document))
    lines += [f"- Interaction: {escape(line)}" for line in interaction_lines(document)]
    lines += [f"- {escape(numbers.sentence(note))}" for note in document.notes]
    if memory := memory_line(document):
        lines += ["", escape(memory)]
    for name, content in document.files.items():
        # A fence that is longer than any inside it.
        fence = FENCE + "`" * content.count(FENCE)
        lines += ["", f"{escape(name)}:", "", fence, content.rstrip(), fence]
    parts = (document.machine.cpu.brand, method_line(document), " ".join(document.run.command))
    return "\n".join([*lines, "", f"{'; '.join(escape(part) for part in parts)}."]) + "\n"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    body = [row_line([escape(cell) for cell in row]) for row in rows]
    escaped = row_line([escape(header) for header in headers])
    return [escaped, row_line(["---"] * len(headers)), *body, ""]
