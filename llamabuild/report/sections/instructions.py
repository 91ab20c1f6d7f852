"""Which SIMD the machine code of each build uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.document import NOT_INSPECTED
from llamabuild.report.isa import in_order
from llamabuild.report.plots import ISA
from llamabuild.report.plots.isa import level
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.document import FunctionInfo, VariantResult
    from llamabuild.report.material import Material


def _groups(variant: VariantResult) -> list[str]:
    return in_order({group for item in variant.inspection.functions for group in item.groups})


def _level(function: FunctionInfo, group: str) -> int:
    return level(function.groups.get(group, 0) / max(1, function.instructions))


def _distinct(variants: list[VariantResult]) -> list[tuple[VariantResult, list[str]]]:
    """Return the first variant of each build, with the names of those that share it."""
    found: dict[str, tuple[VariantResult, list[str]]] = {}
    for variant in variants:
        key = variant.build.id if variant.build else f"variant {variant.name}"
        if key in found:
            found[key][1].append(variant.name)
        else:
            found[key] = (variant, [])
    return list(found.values())


def _context(material: Material) -> dict[str, Any] | None:
    inspected = [
        variant
        for variant in material.document.variants
        if variant.inspection.verdict != NOT_INSPECTED
    ]
    if not inspected:
        return None
    return {
        "picture": picture(ISA, material),
        "inspected": [
            (variant, _groups(variant), sharing) for variant, sharing in _distinct(inspected)
        ],
        "level": _level,
    }


INSTRUCTIONS = Section("instructions", "Which SIMD each build uses", _context)
