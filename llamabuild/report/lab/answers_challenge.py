"""What the optimization answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.optimize_document import ratio_text
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
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.optimize_document import OptimizeDocument


def target(lab: LabMaterial, part: str) -> Found:
    """Return whether the target was reached, on each workload."""
    document = _document(lab, part)
    return Found(
        text=document.answer,
        headers=result_headers(document),
        rows=tuple(result_rows(document)),
        notes=(method_line(document),),
        figures=tuple(
            Figure(
                label=each.workload,
                value=each.effect.ratio,
                low=each.effect.low,
                high=each.effect.high,
                unit=f"of the speed of {document.base}",
            )
            for each in document.reached
        ),
    )


def before_after(lab: LabMaterial, part: str) -> Found:
    """Return the baseline beside the result: speed and memory."""
    document = _document(lab, part)
    if not document.reached:
        return Found(text=f"Nothing was accepted: it stays at `{document.base}`.")
    rows = [(each.workload, "1.00×", ratio_text(each.effect)) for each in document.reached]
    peaks = document.peak_bytes
    rows.append(
        (
            "peak memory",
            numbers.size(peaks.get(document.base)),
            numbers.size(peaks.get(document.final)),
        )
    )
    return Found(
        text=f"From `{document.base}` to `{document.final}`. {memory_line(document)}".rstrip(),
        headers=("what", "before", "after"),
        rows=tuple(rows),
    )


def log(lab: LabMaterial, part: str) -> Found:
    """Return each accepted change with its own impact and the cumulative one."""
    document = _document(lab, part)
    if not document.accepted:
        return Found(text=f"No change was accepted: it stays at `{document.base}`.")
    most = max(document.accepted, key=lambda each: each.impact.ratio if each.impact else 0.0)
    alone = "by itself" if most is document.accepted[0] else "on top of those before it"
    return Found(
        text=f"`{' + '.join(most.change)}` brought most: {ratio_text(most.impact)} on the goal "
        f"`{document.goal}`, {alone}.",
        headers=log_headers(document),
        rows=tuple(log_rows(document)),
        notes=(*interaction_lines(document), *map(numbers.sentence, document.notes)),
        plots=("waterfall",),
    )


def rejected(lab: LabMaterial, part: str) -> Found:
    """Return what was measured and is not in the result."""
    document = _document(lab, part)
    if not document.rejected:
        return Found(text="Everything that was tried is part of the result.")
    return Found(
        text=f"{numbers.count(len(document.rejected), 'choice')} did not make it; with their "
        f"combinations {numbers.count(document.tried, 'configuration')} were tried.",
        headers=rejected_headers(document),
        rows=tuple(rejected_rows(document)),
        notes=_not_searched(document),
    )


def _not_searched(document: OptimizeDocument) -> tuple[str, ...]:
    """Say of all choices that were left out why, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for each in document.left_out:
        by_reason.setdefault(each.reason, []).append(f"`{each.part}`")
    return tuple(
        f"Not searched: {numbers.listing(parts)}: {reason}." for reason, parts in by_reason.items()
    )


def _document(lab: LabMaterial, part: str) -> OptimizeDocument:
    return lab.optimizations[part].document
