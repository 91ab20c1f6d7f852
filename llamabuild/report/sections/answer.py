"""The result in one sentence, and at a glance whether to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.checks import checks
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any]:
    return {"checks": checks(material.document)}


ANSWER = Section("answer", "", _context)
