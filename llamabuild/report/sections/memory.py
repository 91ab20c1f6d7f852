"""Whose malloc each build used, and where its memory lay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.allocators import allocations
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    rows, others = allocations(material.document)
    return {"rows": rows, "others": others} if rows else None


MEMORY = Section("memory", "Allocators and huge pages", _context)
