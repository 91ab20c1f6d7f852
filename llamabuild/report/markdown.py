"""Markdown tables, for pasting into an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import NOT_INSPECTED
from llamabuild.report.findings import NOT_MEASURED
from llamabuild.report.proof_lines import cost_state, proof_lines
from llamabuild.report.ranking import ranked
from llamabuild.report.reasons import READY, by_reason
from llamabuild.report.sweep_rows import sweep_cells, sweep_headers
from llamabuild.types.comparison import BASELINE

if TYPE_CHECKING:
    from llamabuild.report.cost_document import Cost
    from llamabuild.report.document import Document, VariantResult, WorkloadResult
    from llamabuild.report.sweep_document import SweepInfo
    from llamabuild.roofline import Roofline

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_SPACE = re.compile(r"\s+")


def render_markdown(document: Document) -> str:
    """Return the answer, the table of results, the reasons and how to repeat the run."""
    lines = [results_markdown(document).rstrip()]
    without: list[str] = []
    partly: list[str] = []
    for (status, reason), names in by_reason(document.variants).items():
        told = (reason,) if status == READY else filter(None, (status, reason))
        line = f"- {escape(numbers.listing(names))}: {escape(', '.join(told))}"
        (partly if status == READY else without).append(line)
    if without:
        lines += ["", "Without results:", "", *without]
    if partly:
        lines += ["", "Partly without results:", "", *partly]
    noise = [
        f"{escape(item.workload)} {numbers.percent(item.floor)} "
        f"({escape(numbers.with_interval(item.ratio, item.low, item.high))})"
        + ("" if item.usable else " (**not usable as a gate**)")
        for item in document.noise
    ]
    if noise:
        lines += ["", f"Noise floor (a second copy of the baseline): {', '.join(noise)}."]
    if document.limits:
        lines += ["", escape(numbers.sentence(document.limits))]
    lines += ["", *_roofline(document.roofline)]
    for title, items in proof_lines(document):
        lines += ["", f"{title}:", "", *(f"- {escape(item)}" for item in items)]
    lines += ["", *_cost(document.cost)]
    return "\n".join([*lines, "", _provenance(document)]) + "\n"


def results_markdown(document: Document) -> str:
    """Return the answer, what else the run found, and the table of results, for a README.

    The fastest build comes first.
    """
    if document.sweep is not None:
        return _sweep(document.answer, document.sweep)
    header = ["build", "kind", "SIMD"]
    for workload in document.run.workloads:
        header += [f"{workload.name} ({workload.unit})", f"{workload.name} vs {document.baseline}"]
    lines = [marked(document.answer), ""]
    told = [f"- {marked(item.text)}" for item in document.findings if item.topic != NOT_MEASURED]
    lines += [*told, ""] if told else []
    right = ["---", "---", "---", *["---:", "---"] * len(document.run.workloads)]
    lines += [row_line([escape(cell) for cell in header]), row_line(right)]
    lines += [row_line(_cells(variant)) for variant in ranked(document.variants)]
    return "\n".join(lines) + "\n"


def _sweep(answer: str, info: SweepInfo) -> str:
    header = sweep_headers(info)
    right = [*["---"] * len(info.axes), *["---:"] * (len(header) - len(info.axes))]
    lines = [marked(answer), "", *(f"- {marked(item)}" for item in info.sentences)]
    lines += [*(f"- {marked(f'{axis.name}: {axis.what}')}" for axis in info.axes), ""]
    lines += [row_line([escape(cell) for cell in header]), row_line(right)]
    lines += [row_line([escape(cell) for cell in cells]) for cells in sweep_cells(info)]
    return "\n".join(lines) + "\n"


def _cost(cost: Cost) -> list[str]:
    """Return the table of marginal costs."""
    if not cost.builds:
        return []
    header = ["build", "seconds", "CPU seconds", "compiled", "from cache", "in this run"]
    lines = [row_line(header), row_line(["---", *["---:"] * 4, "---"])]
    for row in cost.rows:
        if row.build and not row.shares and not row.why_none:
            hits = f"{row.cache_hits}" if row.cache_hits >= 0 else "no cache"
            cells = [f"{row.seconds:.0f}", f"{row.cpu_seconds:.0f}", f"{row.compiled}", hits]
        else:
            cells = [numbers.MISSING] * 4
        lines.append(row_line([escape(row.variant), *cells, escape(cost_state(row))]))
    return lines


def _roofline(roofline: Roofline) -> list[str]:
    """Return the share of its bound that each build reaches, or how to get to know."""
    if not roofline.shares:
        return [escape(numbers.sentence(roofline.missing))] if roofline.missing else []
    header = ["build", "workload", "of the bound", "bound (tokens/s)", "verdict"]
    lines = [row_line(header), row_line(["---"] * len(header))]
    for share in roofline.shares:
        bound = roofline.bound_of(share)
        cells = [
            escape(share.variant),
            escape(share.workload),
            numbers.part(share.share),
            numbers.throughput(bound.tokens_per_second if bound else None),
            share.verdict,
        ]
        lines.append(row_line(cells))
    return lines


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", _SPACE.sub(" ", text))


def _provenance(document: Document) -> str:
    run, model = document.run, document.model
    parts = [
        f"{document.machine.cpu.brand}, {numbers.count(run.threads, 'thread')}",
        f"{model.name} {model.quantization}",
        document.source.spec,
        f"{numbers.count(document.blocks, 'block')}, seed {run.schedule.seed}",
        f"llamabuild {run.version}, run {run.id}",
    ]
    return f"{'; '.join(escape(part) for part in parts)}."


def marked(text: str) -> str:
    """Return a sentence with its backticked names in bold, the rest escaped."""
    parts = text.split("`")
    return "".join(f"**{escape(part)}**" if n % 2 else escape(part) for n, part in enumerate(parts))


def _cells(variant: VariantResult) -> list[str]:
    inspection = variant.inspection
    inspected = inspection.verdict != NOT_INSPECTED
    name = escape(variant.name)
    if variant.source is not None:
        name += f" (source {escape(variant.source.spec)})"
    if variant.copy_of:
        name += f" (copy of {escape(variant.copy_of)})"
    kind = escape(variant.kind) or numbers.MISSING
    simd = escape(inspection.highest) if inspected else numbers.MISSING
    if inspected and inspection.kernels is not None:
        simd += f", {numbers.percent(inspection.kernels.share, 0)} vector"
    cells = [name, kind, simd]
    for result in variant.workloads:
        cells += [numbers.throughput(result.median), _compared(result, variant.status)]
    return cells


def _compared(result: WorkloadResult, status: str) -> str:
    if result.verdict == BASELINE:
        return "baseline"
    if result.ratio is None:
        return escape(result.verdict if status == READY else status)
    number = numbers.ratio(result.ratio, result.low, result.high)
    span = escape(numbers.interval(result.ratio, result.low, result.high))
    return f"{number} {span} {escape(result.verdict)}"


def row_line(cells: list[str]) -> str:
    """Return one row of a table; the cells are escaped already."""
    return f"| {' | '.join(cells)} |"
