"""What the builds cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots import COST as COST_PLOT
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    drawn = picture(COST_PLOT, material)
    if drawn is None:
        return None
    built = [variant for variant in material.document.variants if variant.build is not None]
    return {"picture": drawn, "built": built}


COST = Section("cost", "Build cost", _context)
