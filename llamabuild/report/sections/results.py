"""The table of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.answer import rivals_of, winning
from llamabuild.report.ranking import ranked
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any]:
    document = material.document
    ready = [variant for variant in document.variants if variant.status == "ready"]
    others = [variant for variant in ready if variant.name != document.baseline]
    best = winning(others)
    rows = ranked(document.variants)
    kinds = any(variant.kind for variant in rows)
    if best is None:
        return {"best": "", "best_tag": "", "rows": rows, "kinds": kinds}
    tag = "ahead" if rivals_of(best, others) else "fastest shown"
    return {"best": best.name, "best_tag": tag, "rows": rows, "kinds": kinds}


RESULTS = Section("results", "Results", _context)
