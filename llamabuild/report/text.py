"""The terminal: the answer, a table and the reasons."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llamabuild.report import numbers
from llamabuild.report.document import FAILED, NOT_INSPECTED
from llamabuild.report.findings import NOT_MEASURED
from llamabuild.report.palette import VERDICT_MARK
from llamabuild.report.portable import clean
from llamabuild.report.proof_lines import BUILD_COST, proof_lines
from llamabuild.report.ranking import ranked
from llamabuild.report.reasons import READY, by_reason
from llamabuild.report.rows import run_row
from llamabuild.report.sweep_rows import (
    format_cells,
    format_headers,
    sweep_cells,
    sweep_headers,
)
from llamabuild.report.text_cost import cost_table
from llamabuild.types.comparison import BASELINE, EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import Document, VariantResult, WorkloadResult
    from llamabuild.report.sweep_document import SweepInfo
    from llamabuild.roofline import Roofline
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.run import Run

PLAIN_WIDTH = 100
NAME_WIDTH = 20
LISTING_WIDTH = 200
LEGEND = "  ".join(
    f"{VERDICT_MARK[verdict]} {verdict}" for verdict in (FASTER, SLOWER, EQUIVALENT, NO_DIFFERENCE)
)
SIMD_HEAD = "SIMD, %"
VECTOR = f"{SIMD_HEAD}: newest instructions, and the share of vector instructions in the kernels"
_STYLES = {FASTER: "blue", SLOWER: "red", EQUIVALENT: "cyan", BASELINE: "bold"}


def render_text(document: Document, width: int = PLAIN_WIDTH) -> str:
    """Return the report as plain text."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        print_text(document, console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def render_runs(runs: Sequence[Run]) -> str:
    """Return one line a run: id, start, status, builds, model and CPU."""
    table = Table(box=None, pad_edge=False)
    for column in ("run", "started", "status", "builds", "model", "cpu"):
        table.add_column(column, no_wrap=True)
    for run in runs:
        row = run_row(run)
        model = f"{row['model']} {row['quantization']}"
        cells = (row["run"], numbers.moment(run.started), run.status, str(len(run.arms)), model)
        table.add_row(*map(Text, cells), Text(row["cpu"]))
    return _listing(table)


def render_kernel_runs(runs: Sequence[KernelRun]) -> str:
    """Return one line a run of ``kernels``: id, start, status, how much was measured, and CPU."""
    table = Table(box=None, pad_edge=False)
    for column in ("run", "started", "status", "kernels", "probes", "cpu"):
        table.add_column(column, no_wrap=True)
    for run in runs:
        timed = sum(row.ns_per_256 is not None for row in run.kernels)
        cells = (run.id, numbers.moment(run.started), run.status, str(timed), str(len(run.probes)))
        table.add_row(*map(Text, (*cells, clean(run.machine.cpu.brand))))
    return _listing(table)


def _listing(table: Table) -> str:
    console = Console(file=io.StringIO(), width=LISTING_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def print_text(document: Document, console: Console) -> None:
    """Print the report; nothing in it is read as markup."""
    console.print(Text(document.answer.replace("`", "")), soft_wrap=False)
    console.print()
    console.print(results_table(document))
    console.print()
    if document.sweep and document.sweep.formats:
        console.print(_formats_table(document.sweep))
        console.print()
    units = numbers.listing(list(dict.fromkeys(work.unit for work in document.run.workloads)))
    console.print(Text(f"{units}, ratio [interval]: {LEGEND}", style="dim"))
    axes = document.sweep.axes if document.sweep else ()
    for legend in [f"{axis.name}: {axis.what}" for axis in axes] or [VECTOR]:
        console.print(Text(legend, style="dim"))
    console.print()
    for sentence in document.sweep.sentences if document.sweep else ():
        _print_item(sentence.replace("`", ""), console)
    for finding in document.findings:
        if finding.topic != NOT_MEASURED:
            _print_item(finding.text.replace("`", ""), console)
    for (status, reason), names in by_reason(document.variants).items():
        line = Text(f"{numbers.listing(names)}: ", style="bold")
        state = "partly without results" if status == READY else status
        console.print(line.append(": ".join(filter(None, (state, reason))), style="not bold"))
    for variant in document.variants:
        for item in variant.inspection.expectations:
            if not item.passed:
                line = Text(f"{variant.name}: ", style="bold")
                console.print(line.append(f"SIMD not as expected: {item.reason}", style="red"))
    _print_footer(document, console)


def results_table(document: Document) -> Table:
    """Return one row a variant, the fastest first; a name too long for its column is broken.

    Of a sweep one row a point, in the order of the values.
    """
    if document.sweep is not None:
        return _sweep_table(document.sweep)
    # Without edges the columns of two workloads fit into 100.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("build", no_wrap=True)
    table.add_column(SIMD_HEAD, no_wrap=True)
    for workload in document.run.workloads:
        table.add_column(Text(workload.name), justify="right", no_wrap=True)
        table.add_column(Text(f"vs {document.baseline}"))
    for variant in ranked(document.variants):
        table.add_row(*_cells(variant))
    return table


def _formats_table(info: SweepInfo) -> Table:
    """What the formats cost; beside their speeds it would not fit."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for place, head in enumerate(format_headers(info)):
        table.add_column(Text(head), justify="left" if place < len(info.axes) else "right")
    for cells in format_cells(info):
        table.add_row(*map(Text, cells))
    return table


def _sweep_table(info: SweepInfo) -> Table:
    info = msgspec.structs.replace(info, formats=None)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for place, head in enumerate(sweep_headers(info)):
        table.add_column(Text(head), justify="left" if place < len(info.axes) else "right")
    for cells in sweep_cells(info):
        table.add_row(*map(Text, cells))
    return table


def _print_item(text: str, console: Console) -> None:
    """Print a list item whose further lines stand under its first word."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row(Text("·"), Text(text))
    console.print(table)


def _cells(variant: VariantResult) -> list[Text]:
    inspection = variant.inspection
    inspected = inspection.verdict != NOT_INSPECTED
    simd = inspection.highest if inspected else numbers.MISSING
    if inspected and inspection.kernels is not None:
        simd += f" {100 * inspection.kernels.share:.0f}"
    ready = variant.status == "ready"
    style = "red" if inspection.verdict == FAILED else ""
    name = Text(broken(variant.name), style="bold")
    if variant.copy_of:
        name.append(f"\n{broken(f'(copy of {variant.copy_of})')}", style="not bold")
    cells = [
        name,
        Text(simd, style=style),
    ]
    for place, result in enumerate(variant.workloads):
        missing = Text("" if ready or place else variant.status, style="yellow")
        compared = _compared(result) if ready else missing
        cells += [Text(numbers.throughput(result.median)), compared]
    return cells


def broken(name: str, width: int = NAME_WIDTH) -> str:
    """Return a name over several lines, parted at its ``+`` where it has some."""
    lines = [""]
    for part in re.split(r"(?=\+)", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(
        line[start : start + width] for line in lines for start in range(0, len(line) or 1, width)
    )


def _compared(result: WorkloadResult) -> Text:
    style = _STYLES.get(result.verdict, "")
    mark = VERDICT_MARK.get(result.verdict, "")
    if result.ratio is None or result.verdict == BASELINE:
        return Text(f"{mark} {result.verdict}" if result.verdict == BASELINE else mark, style=style)
    number = numbers.ratio(result.ratio, result.low, result.high)
    span = numbers.interval(result.ratio, result.low, result.high)
    text = Text(f"{mark} {number} ", style=style)
    return text.append(span, style="default")


def _roofline(document: Document) -> list[str]:
    """Return one line a workload with the shares of its bound, or how to get to know them."""
    lines = []
    for bound in document.roofline.bounds:
        shares = [
            f"{share.variant} {numbers.part(share.share)}"
            for share in document.roofline.shares
            if document.roofline.bound_of(share) == bound
        ]
        if shares and bound.tokens_per_second and not bound.variant:
            limit = f"{numbers.throughput(bound.tokens_per_second)} tokens/s by {bound.limited_by}"
            lines.append(f"bound of {bound.workload}: {limit}; reached: {', '.join(shares)}")
    lines += _of_own_bounds(document.roofline)
    if document.roofline.missing:
        lines.append(numbers.sentence(document.roofline.missing))
    return lines


def _of_own_bounds(roofline: Roofline) -> list[str]:
    """Return one line a workload for those that run a model of their own."""
    reached: dict[str, list[str]] = {}
    for share in roofline.shares:
        bound = roofline.bound_of(share)
        if bound is not None and bound.variant:
            text = f"{share.variant} {numbers.part(share.share)}"
            reached.setdefault(share.workload, []).append(text)
    return [f"of its own model's bound of {n}: {', '.join(own)}" for n, own in reached.items()]


def _print_footer(document: Document, console: Console) -> None:
    run = document.run
    console.print()
    for item in document.noise:
        state = "" if item.usable else " (not usable as a gate)"
        copy = numbers.with_interval(item.ratio, item.low, item.high)
        floor = numbers.percent(item.floor)
        line = f"noise floor of {item.workload}: {floor} (the baseline's copy: {copy}){state}"
        console.print(Text(line, style="" if item.usable else "red"))
    if document.limits:
        console.print(Text(numbers.sentence(document.limits)))
    for line in _roofline(document):
        console.print(Text(line))
    for title, lines in proof_lines(document):
        console.print(Text(f"{title}:", style="bold"))
        for line in lines:
            _print_item(line, console)
        if title == BUILD_COST and (table := cost_table(document.cost)) is not None:
            console.print(table)
            console.print()
    blocks = numbers.count(document.blocks, "block")
    discarded = len(document.discarded)
    console.print(
        Text(
            f"{blocks}, {discarded} discarded; {numbers.count(run.threads, 'thread')}; "
            f"seed {run.schedule.seed}; run {run.id}",
            style="dim",
        )
    )
