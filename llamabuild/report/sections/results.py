"""The table of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.answer import rivals_of, winning
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any]:
    document = material.document
    ready = [variant for variant in document.variants if variant.status == "ready"]
    others = [variant for variant in ready if variant.name != document.baseline]
    best = winning(others)
    if best is None:
        return {"best": "", "best_tag": ""}
    tag = "ahead" if rivals_of(best, others) else "fastest shown"
    return {"best": best.name, "best_tag": tag}


RESULTS = Section("results", "Results", _context)
