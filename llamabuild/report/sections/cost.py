"""What each build added to the cost of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots import COST as COST_PLOT
from llamabuild.report.proof_lines import BUILD_FAILED, NO_MULTIPLE, cost_state
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    drawn = picture(COST_PLOT, material)
    if drawn is None:
        return None
    bytes_of = {v.build.id: v.build.bytes for v in material.document.variants if v.build}
    return {
        "picture": drawn,
        "cost": material.document.cost,
        "bytes_of": bytes_of,
        "state": cost_state,
        "no_multiple": NO_MULTIPLE,
        "failed": [
            row.variant for row in material.document.cost.rows if row.why_none == BUILD_FAILED
        ],
    }


COST = Section("cost", "Build cost", _context)
