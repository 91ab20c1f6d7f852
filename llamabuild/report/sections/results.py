"""The table of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.answer import rivals_of, winning, workload_names
from llamabuild.report.findings import MANY, Field
from llamabuild.report.ranking import is_measured, ranked
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.material import Material


def tags(document: Document) -> dict[str, list[str]]:
    """Return what to say beside the names of the builds that stand out."""
    others = [
        v
        for v in document.variants
        if is_measured(v) and v.name != document.baseline and not v.copy_of
    ]
    found: dict[str, list[str]] = {}
    if len(others) < MANY:
        best = winning(others)
        if best is not None:
            found[best.name] = ["ahead" if rivals_of(best, others) else "fastest shown"]
        return found
    workloads = document.run.workloads
    field = Field(document.baseline, workload_names(workloads), document.variants)
    for place, workload in enumerate(workloads):
        leader = field.leader(place)
        if leader is not None:
            lead = "ahead" if field.rivals(leader, (place,)) else "fastest"
            found.setdefault(leader.name, []).append(f"{lead} at {workload.name}")
    best = field.allrounder()
    if best is not None and len(workloads) > 1:
        found.setdefault(best.name, []).append("best over all")
    return found


def _context(material: Material) -> dict[str, Any]:
    document = material.document
    rows = ranked(document.variants)
    return {
        "tags": tags(document),
        "rows": [variant for variant in rows if variant.status == "ready"],
        "missing": [variant for variant in rows if variant.status != "ready"],
        "kinds": any(variant.kind for variant in rows),
        "many": len(rows) >= MANY,
    }


RESULTS = Section("results", "Results", _context)
