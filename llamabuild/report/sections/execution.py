"""Which functions ran, for what share of the time, and with which SIMD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.execution_summary import methods, summary, unsampled, waited
from llamabuild.report.execution_words import busiest
from llamabuild.report.isa import in_order
from llamabuild.report.plots import EXECUTION as EXECUTION_PLOT
from llamabuild.report.ranking import ranked
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material


def _context(material: Material) -> dict[str, Any] | None:
    document = material.document
    sampled = [variant for variant in ranked(document.variants) if variant.executions]
    if not sampled:
        return None
    return {
        "picture": picture(EXECUTION_PLOT, material),
        "ran": [*summary(document.variants), *waited(document.variants)],
        "unsampled": unsampled(document.variants),
        "sampled": [v for v in sampled if any(e.functions for e in v.executions)],
        "dispatched": [v.dispatch.sentence for v in document.variants if v.dispatch],
        "methods": methods(document.variants),
        "in_order": in_order,
        "busiest": busiest,
    }


EXECUTION = Section("execution", "What really ran", _context)
