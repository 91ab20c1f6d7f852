"""What the machine allows, and how near each build comes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.plots import SHARES
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.material import Material
    from llamabuild.roofline import Roofline
    from llamabuild.roofline.records import Limits

Advice = tuple[str, str, list[str], str]
"""Workload, verdict, variants, what to try."""


def advice(roofline: Roofline) -> list[Advice]:
    """Return each advice once, with the variants that it is for."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for share in roofline.shares:
        names = grouped.setdefault((share.workload, share.verdict, share.advice), [])
        if share.variant not in names:
            names.append(share.variant)
    return [(work, verdict, names, text) for (work, verdict, text), names in grouped.items()]


def limit_words(limits: Limits) -> str:
    """Return what a thread count can do, in words."""
    parts = []
    if limits.read is not None:
        read = limits.read
        where = "from memory" if read.residence == "memory" else f"from {read.residence}"
        size = numbers.size(read.working_set_bytes)
        parts.append(f"{numbers.size(read.bytes_per_second)}/s read {where} (probed at {size})")
    parts += [
        f"{numbers.operations(peak.operations_per_second)} {peak.name} operations/s ({peak.isa})"
        for peak in limits.peaks
    ]
    return f"{numbers.count(limits.threads, 'thread')}: {numbers.listing(parts) or 'not probed'}"


def _context(material: Material) -> dict[str, Any]:
    roofline = material.document.roofline
    return {
        "roofline": roofline,
        "picture": picture(SHARES, material),
        "limits": [limit_words(limits) for limits in roofline.limits],
        "advice": advice(roofline),
    }


ROOFLINE = Section("roofline", "Roofline: how much is left", _context)
