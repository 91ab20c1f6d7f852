"""What sweeps answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.sweep_rows import sweep_cells, sweep_headers

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.sweep_document import SweepInfo

SWEEP, DRAFT = "sweep", "draft"


def sweep(lab: LabMaterial, part: str) -> Found:
    """Return which value is best, and the whole table."""
    info, document = _info(lab, part), lab.runs[part].document
    if reason := _nothing(info):
        return Found(reason=reason)
    return Found(
        text=document.answer,
        headers=tuple(sweep_headers(info)),
        rows=tuple(tuple(row) for row in sweep_cells(info)),
        notes=(*info.sentences, *_reasons(info), *_limits(document)),
        figures=_figures(info),
        plots=("formats",) if info.formats else (SWEEP,),
    )


def speculation(lab: LabMaterial, part: str) -> Found:
    """Return what guessing tokens brings, and which way was not tried."""
    found = sweep(lab, part)
    if found.reason or any(point.label == DRAFT for point in _info(lab, part).points):
        return found
    note = (
        "A draft model was not tried: `llamabuild sweep speculative --draft-model MODEL` takes a "
        "smaller one with the same vocabulary."
    )
    return msgspec.structs.replace(found, notes=(*found.notes, note))


def scaling(lab: LabMaterial, part: str) -> Found:
    """Return speedup and efficiency; why it is so is a question of its own."""
    info, document = _info(lab, part), lab.runs[part].document
    if reason := _nothing(info):
        return Found(reason=reason)
    where = [sentence for sentence in info.sentences if sentence not in info.reasons]
    none = "At every count here a thread brings at least half of what the first one does."
    return Found(
        text=f"{document.answer} {' '.join(where) or none}",
        headers=tuple(sweep_headers(info)),
        rows=tuple(tuple(row) for row in sweep_cells(info)),
        notes=_limits(document),
        figures=_figures(info),
        plots=(SWEEP,),
    )


def why_not_more(lab: LabMaterial, part: str) -> Found:
    """Return the reasons that measured facts support."""
    info = _info(lab, part)
    if reason := _nothing(info):
        return Found(reason=reason)
    reasons = info.reasons
    return Found(text=" ".join(reasons) or "The most threads that were tried are the fastest.")


def _info(lab: LabMaterial, part: str) -> SweepInfo:
    info = lab.runs[part].document.sweep
    if info is None:
        message = f"part '{part}' is no sweep"
        raise AssertionError(message)
    return info


def _nothing(info: SweepInfo) -> str:
    """Say why there is no comparison; empty where there is one."""
    if any(result.median is not None for p in info.points[1:] for result in p.workloads):
        return ""
    return numbers.sentence("; ".join(_reasons(info)) or "no block of it counts")


def _limits(document: Document) -> tuple[str, ...]:
    """What the run could not have shown: without it, nothing shown looks like nothing there."""
    return (numbers.sentence(document.limits),) if document.limits else ()


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
