"""A lab as Markdown, for a repository or an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.lab.text import LEGEND, words
from llamabuild.report.markdown import escape, marked, row_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.lab.document import Answer, LabDocument


def render_lab_markdown(document: LabDocument) -> str:
    """Return the whole report; pictures are in the HTML page and the folder ``plots``."""
    lines = [
        f"# llama.cpp on {escape(document.machine.cpu.brand)}",
        "",
        marked(document.answer),
        "",
        marked(document.summary),
        "",
    ]
    for criterion in document.criteria:
        detail = f" ({escape(criterion.detail)})" if criterion.detail else ""
        lines.append(f"- [{'x' if criterion.met else ' '}] {escape(criterion.text)}{detail}")
    lines += ["", LEGEND]
    for section in document.sections:
        lines += ["", f"## {escape(section.title)}"]
        for answer in section.answers:
            lines += _answer(answer)
    lines += ["", "## Key insights", ""]
    lines += [f"- {marked(each.text)}" for each in document.insights]
    lines += ["", "## Production recommendations", ""]
    for each in document.recommendations:
        lines.append(f"- **{escape(each.topic)}**: {marked(each.text)}")
        lines.append(
            f"  Rule: {escape(each.rule)} Measured: {marked(each.evidence.rstrip('.'))}; "
            f"run {each.run}."
        )
    return "\n".join([*lines, "", _end(document)]) + "\n"


def _answer(answer: Answer) -> list[str]:
    lines = ["", f"### {escape(answer.asks)}", "", marked(words(answer)), ""]
    lines += _table(answer.found.headers, answer.found.rows)
    lines += [f"- {marked(note)}" for note in answer.found.notes]
    on = f", on {escape(answer.model)}" if answer.model else ""
    return [*lines, *(["", f"Run {answer.run}{on}."] if answer.run else [])]


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    body = [row_line([escape(cell) for cell in row]) for row in rows]
    escaped = row_line([escape(header) for header in headers])
    return [escaped, row_line(["---"] * len(headers)), *body, ""]


def _end(document: LabDocument) -> str:
    spent = numbers.seconds(document.run.spent_seconds)
    budget = numbers.seconds(document.run.budget_seconds)
    return (
        f"{escape('; '.join(document.models))}. {spent} of {budget}; seed {document.run.seed}; "
        f"lab {document.run.id}; `{' '.join(document.run.command)}`."
    )
