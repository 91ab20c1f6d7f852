"""Every trial over time, and what the copy of the baseline showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots import TIMELINE
from llamabuild.report.portable import clean
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    drawn = picture(TIMELINE, material)
    if drawn is None:
        return None
    failed = [
        (trial.block, clean(trial.arm), trial.workload, trial.status, clean(trial.error))
        for trial in material.trials
        if trial.status != "ok"
    ]
    return {"picture": drawn, "failed": failed}


NOISE = Section("noise", "Every trial, and the noise", _context)
