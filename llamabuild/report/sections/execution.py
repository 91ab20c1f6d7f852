"""Which functions ran, for what share of the time, and with which SIMD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.execution import summary, unsampled
from llamabuild.report.execution_words import busiest
from llamabuild.report.isa import in_order
from llamabuild.report.plots import EXECUTION as EXECUTION_PLOT
from llamabuild.report.ranking import ranked
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.material import Material


def methods(document: Document) -> str:
    """Return how it was sampled, with the builds of all but the most common way."""
    found: dict[str, list[str]] = {}
    for variant in document.variants:
        for method in {e.method for e in variant.executions if e.functions}:
            found.setdefault(method, []).append(variant.name)
    order = sorted(found, key=lambda method: (-len(found[method]), method))
    parts = [
        method if place == 0 else f"{method} ({_builds(found[method])})"
        for place, method in enumerate(order)
    ]
    return numbers.listing(parts)


def _builds(names: list[str]) -> str:
    return numbers.listing(names) if len(names) <= 3 else numbers.count(len(names), "build")  # noqa: PLR2004 - more names hide the method


def _context(material: Material) -> dict[str, Any] | None:
    document = material.document
    sampled = [variant for variant in ranked(document.variants) if variant.executions]
    if not sampled:
        return None
    return {
        "picture": picture(EXECUTION_PLOT, material),
        "ran": summary(document.variants),
        "unsampled": unsampled(document.variants),
        "sampled": [v for v in sampled if any(e.functions for e in v.executions)],
        "dispatched": [v.dispatch.sentence for v in document.variants if v.dispatch],
        "methods": methods(document),
        "in_order": in_order,
        "busiest": busiest,
    }


EXECUTION = Section("execution", "What really ran", _context)
