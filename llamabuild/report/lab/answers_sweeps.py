"""What sweeps answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.sweep_rows import sweep_cells, sweep_headers

if TYPE_CHECKING:
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.sweep_document import SweepInfo

SWEEP = "sweep"


def sweep(lab: LabMaterial, part: str) -> Found:
    """Return which value is best, and the whole table."""
    info = _info(lab, part)
    if not any(result.median is not None for p in info.points[1:] for result in p.workloads):
        return Found(reason=numbers.sentence("; ".join(_reasons(info))))
    return Found(
        text=info.answer,
        headers=tuple(sweep_headers(info)),
        rows=tuple(tuple(row) for row in sweep_cells(info)),
        notes=(*info.sentences, *_reasons(info)),
        figures=_figures(info),
        plots=("formats",) if info.formats else (SWEEP,),
    )


def scaling(lab: LabMaterial, part: str) -> Found:
    """Return speedup and efficiency; why it is so is a question of its own."""
    info = _info(lab, part)
    where = [sentence for sentence in info.sentences if sentence not in info.reasons]
    none = "At every count here a thread brings at least half of what the first one does."
    return Found(
        text=f"{info.answer} {' '.join(where) or none}",
        headers=tuple(sweep_headers(info)),
        rows=tuple(tuple(row) for row in sweep_cells(info)),
        figures=_figures(info),
        plots=(SWEEP,),
    )


def why_not_more(lab: LabMaterial, part: str) -> Found:
    """Return the reasons that measured facts support."""
    reasons = _info(lab, part).reasons
    return Found(text=" ".join(reasons) or "The most threads that were tried are the fastest.")


def _info(lab: LabMaterial, part: str) -> SweepInfo:
    info = lab.runs[part].document.sweep
    if info is None:
        message = f"part '{part}' is no sweep"
        raise AssertionError(message)
    return info


def _figures(info: SweepInfo) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            label=f"{point.label}, {result.name}",
            value=result.ratio,
            low=result.low,
            high=result.high,
            unit=f"of {info.points[0].label}",
        )
        for point in info.points[1:]
        for result in point.workloads
        if result.ratio is not None
    )


def _reasons(info: SweepInfo) -> list[str]:
    """Say of each point that has no figures why; of one cause once."""
    by_reason: dict[str, list[str]] = {}
    for point in info.points:
        if point.reason:
            by_reason.setdefault(point.reason, []).append(point.label)
    return [f"{numbers.listing(labels)}: {reason}" for reason, labels in by_reason.items()]
