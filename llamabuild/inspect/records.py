"""Scanned objects as inspections."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llamabuild.types.inspection import FunctionIsa, Inspection

from .isa import group_names, highest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .disassembler import ScannedObject


def inspection_of(
    name: str, architecture: str, scanned: ScannedObject, *, stripped: bool
) -> Inspection:
    """Make the record of one binary."""
    functions = tuple(
        FunctionIsa(
            name=function,
            address=address,
            size=size,
            instructions=instructions,
            vector=vector,
            groups=groups,
        )
        for function, address, size, instructions, vector, groups in scanned.functions
    )
    groups = totals((function.groups for function in functions), architecture)
    return Inspection(
        file=name,
        architecture=architecture,
        instructions=sum(function.instructions for function in functions),
        vector=sum(function.vector for function in functions),
        highest=highest(groups, architecture),
        groups=groups,
        functions=functions,
        stripped=stripped,
    )


def totals(counts: Iterable[dict[str, int]], architecture: str) -> dict[str, int]:
    """Add up counts by group; groups in the order of their rank, absent ones left out."""
    total = Counter[str]()
    for groups in counts:
        total.update(groups)
    return {name: total[name] for name in group_names(architecture) if total[name]}
