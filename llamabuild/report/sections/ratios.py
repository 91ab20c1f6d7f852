"""The forest plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots import FOREST
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    drawn = picture(FOREST, material)
    if drawn is None:
        return None
    threshold = material.document.run.schedule.threshold
    return {"picture": drawn, "threshold": max([threshold, *_thresholds(material)])}


def _thresholds(material: Material) -> list[float]:
    return [item.threshold for item in material.document.noise]


RATIOS = Section("ratios", "Speed against the baseline", _context)
