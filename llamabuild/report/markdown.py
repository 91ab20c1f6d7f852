"""Markdown tables, for pasting into an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import NOT_INSPECTED
from llamabuild.types.comparison import BASELINE

if TYPE_CHECKING:
    from llamabuild.report.document import Document, VariantResult, WorkloadResult

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_SPACE = re.compile(r"\s+")


def render_markdown(document: Document) -> str:
    """Return the answer, the table of results, the reasons and how to repeat the run."""
    run = document.run
    header = ["build", "SIMD", "vector share"]
    for workload in run.workloads:
        header += [f"{workload.name} ({workload.unit})", f"{workload.name} vs {document.baseline}"]
    lines = [_answer(document.answer), ""]
    lines += [_row([escape(cell) for cell in header]), _row(["---"] * len(header))]
    lines += [_row(_cells(variant)) for variant in document.variants]
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
    return "\n".join([*lines, "", _provenance(document)]) + "\n"


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


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
