"""Whether each build computes the same thing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from llamabuild.report.sections.section import Section
from llamabuild.report.unchecked import NOT_CHECKED

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    built = [
        variant
        for variant in material.document.variants
        if variant.build is not None or variant.equivalence.verdict != NOT_CHECKED
    ]
    if all(variant.equivalence.verdict == NOT_CHECKED for variant in built):
        return None
    tokens = max(variant.equivalence.tokens for variant in built)
    verdicts = Counter(variant.equivalence.verdict for variant in built)
    return {"built": built, "tokens": tokens, "verdicts": verdicts}


EQUIVALENCE = Section("equivalence", "Same output?", _context)
