"""A profile as Markdown, which reads as plain text too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.profile_words import (
    all_rates,
    count_value,
    hot_sentence,
    instruction_share,
    loop_sentence,
    miss_rows,
    opinion_value,
    rate_title,
    rate_value,
    simulation_sentence,
    top_functions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.report.profile_document import ProfileDocument
    from llamabuild.types.profile import Loop, WorkloadProfile


def render_profile(document: ProfileDocument) -> str:
    """Return the whole profile."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: ProfileDocument) -> Iterator[str]:
    model = document.model
    yield f"# Profile of {document.variant}"
    yield ""
    yield (
        f"{model.name} {model.quantization} on {document.machine.cpu.brand}, "
        f"{numbers.count(document.run.threads, 'thread')}; profile {document.run.id}"
    )
    for found in document.workloads:
        yield ""
        yield from _workload(found)
    if document.notes:
        yield ""
        yield "## What could not be had here"
        yield ""
        yield from (f"- {note}" for note in document.notes)


def _workload(found: WorkloadProfile) -> Iterator[str]:
    yield f"## {found.workload}"
    yield ""
    if found.reason:
        yield f"did not run: {found.reason}"
        return
    yield f"{numbers.throughput(found.tokens_per_second)} tokens/s"
    yield ""
    yield f"**Bound**: {found.verdict.sentence}"
    yield ""
    yield from _table(
        ("source", "measure", "value", "says", "rule"),
        [
            (each.source, each.measure, opinion_value(each), each.verdict, each.rule)
            for each in found.verdict.opinions
        ],
    )
    yield from _table(
        ("rate", "value", "from"),
        [(rate_title(rate), rate_value(rate), rate.basis) for rate in all_rates(found)],
    )
    if found.simulation is not None:
        yield simulation_sentence(found.simulation)
        yield ""
    yield from _table(
        ("counted", f"in {numbers.count(found.counters.repetitions, 'repetition')}"),
        [(count.event, count_value(count)) for count in found.counters.counts],
    )
    for hot in found.hot:
        yield hot_sentence(hot)
        yield ""
        yield from _table(("function", "share", "library"), top_functions(hot))
    how, misses = miss_rows(found)
    if misses:
        yield f"Which functions miss most: {how}"
        yield ""
        yield from _table(
            ("function", "share", "library", ""),
            [(row.function, numbers.percent(row.share), row.library, row.detail) for row in misses],
        )
    yield from _loop(found.loop)
    flame = found.flame
    if flame.stacks:
        yield f"Calls: {flame.source}" + (f" ({flame.reason})" if flame.reason else "")


def _loop(loop: Loop) -> Iterator[str]:
    yield f"Hottest loop: {loop_sentence(loop)}"
    yield ""
    if loop.instructions:
        yield "```"
        for each in loop.instructions:
            share = instruction_share(each).replace("\u00a0", " ")
            yield f"{share:>7}  {each.address:8x}  {each.text}"
        yield "```"
        yield ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table of Markdown with its columns aligned; nothing without rows."""
    if not rows:
        return
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    first, *rest = (
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    )
    yield first
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from rest
    yield ""
