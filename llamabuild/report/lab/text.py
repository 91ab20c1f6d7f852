"""A lab on a terminal and in a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from llamabuild.report.lab.document import Answer, LabDocument, Recommendation

WIDTH = 140
LEGEND = (
    "▲ faster and ▼ slower are shown: the whole interval, corrected for all comparisons of its "
    "run, lies beyond its threshold and beyond what a second copy of the baseline showed. ○: no "
    "difference was shown, which does not mean that there is none; ■: one beyond the threshold is "
    "ruled out. ◆: the baseline. ★: no other format beats it in both speed and cost."
)


def render_lab_text(document: LabDocument, width: int = WIDTH) -> str:
    """Return the checklist, every question with its answer, insights and recommendations."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)

    def say(text: str) -> None:
        console.print(Text(text.replace("`", "")))

    with console.capture() as captured:
        say(document.answer)
        say(document.summary)
        say("")
        for criterion in document.criteria:
            detail = f" ({criterion.detail})" if criterion.detail else ""
            say(f"[{'x' if criterion.met else ' '}] {criterion.text}{detail}")
        say(f"\n{LEGEND}")
        for section in document.sections:
            say(f"\n{section.title}\n{'─' * len(section.title)}")
            for answer in section.answers:
                say(f"\n{answer.asks}")
                say(words(answer))
                if answer.found.rows:
                    console.print(_table(answer.found.headers, answer.found.rows))
                for note in answer.found.notes:
                    say(f"· {note}")
        say("\nKey insights\n────────────")
        for insight in document.insights:
            say(f"· {insight.text}")
        console.print(Text(f"\n{render_recommendations(document.recommendations)}"))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def words(answer: Answer) -> str:
    """Return an answer, or that there is none and why."""
    if answer.found.text:
        return answer.found.text
    return f"{answer.without}: {answer.found.reason.rstrip('.')}."


def render_recommendations(found: Sequence[Recommendation]) -> str:
    """Return the recommendations alone, each with its rule and what it rests on."""
    lines = ["Recommendations for production"]
    for each in found:
        lines += [
            f"· {each.topic}: {each.text}",
            f"    rule: {each.rule}",
            f"    measured: {each.evidence.rstrip('.')}; run {each.run}",
        ]
    if not found:
        lines.append("· none: nothing was measured that would support one")
    return "\n".join(lines).replace("`", "") + "\n"


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
