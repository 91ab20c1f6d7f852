"""Markdown tables, for pasting into an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import NOT_INSPECTED
from llamabuild.types.comparison import BASELINE

if TYPE_CHECKING:
    from llamabuild.report.document import Document, VariantResult, WorkloadResult
    from llamabuild.roofline import Roofline

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_SPACE = re.compile(r"\s+")


def render_markdown(document: Document) -> str:
    """Return the answer, the table of results, the reasons and how to repeat the run."""
    run = document.run
    header = ["build", "SIMD", "vector share"]
    for workload in run.workloads:
        header += [f"{workload.name} ({workload.unit})", f"{workload.name} vs {document.baseline}"]
    lines = [_answer(document.answer), ""]
    lines += [row_line([escape(cell) for cell in header]), row_line(["---"] * len(header))]
    lines += [row_line(_cells(variant)) for variant in document.variants]
    reasons = [variant for variant in document.variants if variant.reason]
    if reasons:
        lines += ["", "Without results:", ""]
        lines += [f"- {escape(v.name)}: {escape(v.status)}, {escape(v.reason)}" for v in reasons]
    noise = [
        f"{escape(item.workload)} {numbers.percent(item.floor)}"
        + ("" if item.usable else " (**not usable as a gate**)")
        for item in document.noise
    ]
    if noise:
        lines += ["", f"Noise floor (a second copy of the baseline): {', '.join(noise)}."]
    if document.limits:
        lines += ["", escape(numbers.sentence(document.limits))]
    lines += ["", *_roofline(document.roofline)]
    return "\n".join([*lines, "", _provenance(document)]) + "\n"


def _roofline(roofline: Roofline) -> list[str]:
    """Return the share of its bound that each build reaches, or how to get to know."""
    if not roofline.shares:
        return [escape(numbers.sentence(roofline.missing))] if roofline.missing else []
    limits = {(b.workload, b.threads): b.tokens_per_second for b in roofline.bounds}
    header = ["build", "workload", "of the bound", "bound (tokens/s)", "verdict"]
    lines = [row_line(header), row_line(["---"] * len(header))]
    lines += [
        row_line(
            [
                escape(share.variant),
                escape(share.workload),
                numbers.part(share.share),
                numbers.throughput(limits.get((share.workload, share.threads))),
                share.verdict,
            ]
        )
        for share in roofline.shares
    ]
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


def _answer(text: str) -> str:
    parts = text.split("`")
    return "".join(f"**{escape(part)}**" if n % 2 else escape(part) for n, part in enumerate(parts))


def _cells(variant: VariantResult) -> list[str]:
    inspection = variant.inspection
    inspected = inspection.verdict != NOT_INSPECTED
    share = numbers.percent(inspection.kernels.share, 0) if inspection.kernels else numbers.MISSING
    cells = [escape(variant.name), escape(inspection.highest) if inspected else "–", share]
    for result in variant.workloads:
        cells += [numbers.throughput(result.median), _compared(result, variant.status)]
    return cells


def _compared(result: WorkloadResult, status: str) -> str:
    if result.verdict == BASELINE:
        return "baseline"
    if result.ratio is None:
        return escape(result.verdict if status == "ready" else status)
    number = numbers.ratio(result.ratio, result.low, result.high)
    span = escape(numbers.interval(result.ratio, result.low, result.high))
    return f"{number} {span} {escape(result.verdict)}"


def row_line(cells: list[str]) -> str:
    """Return one row of a table; the cells are escaped already."""
    return f"| {' | '.join(cells)} |"
