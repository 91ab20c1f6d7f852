"""What each value of an axis brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots import SWEEP as SWEEP_PLOT
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    info = material.document.sweep
    if info is None:
        return None
    scaling = any(r.efficiency is not None for point in info.points for r in point.workloads)
    return {"sweep": info, "picture": picture(SWEEP_PLOT, material), "scaling": scaling}


SWEEP = Section("sweep", "What each setting brings", _context)
