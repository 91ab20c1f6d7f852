"""What each value of an axis brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.format_rows import quality_cells
from llamabuild.report.plots import FORMATS
from llamabuild.report.plots import SWEEP as SWEEP_PLOT
from llamabuild.report.sections.section import Section, picture
from llamabuild.report.sweep_rows import bounded, caches, difference, guesses, judges, scales, units

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    info = material.document.sweep
    if info is None:
        return None
    return {
        "sweep": info,
        "picture": picture(SWEEP_PLOT, material),
        "units": units(info),
        "scaling": scales(info),
        "guesses": guesses(info),
        "bounded": bounded,
        "program": material.run.program,
        "sorts": [
            "number" if all(value.isdecimal() for value in axis.values) else "text"
            for axis in info.axes
        ],
        "caches": caches(info),
        "difference": difference,
        "judges": judges(info),
        "quality": quality_cells,
        "trade": picture(FORMATS, material),
    }


SWEEP = Section("sweep", "What each setting brings", _context)
