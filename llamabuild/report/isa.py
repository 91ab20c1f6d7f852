"""Which functions matter, and what they say about a build's SIMD."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from llamabuild.report.document import FunctionInfo, Kernels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llamabuild.types.inspection import FunctionIsa, Inspection

TOP_FUNCTIONS = 12
NONE = "none"


@dataclass(frozen=True, slots=True)
class _Facts:
    order: dict[str, int]
    scalar: frozenset[str]
    least_instructions: int
    model: tuple[str, ...]
    shared: tuple[str, ...]
    any: tuple[str, ...]
    excluded: re.Pattern[str]


@cache
def _facts() -> _Facts:
    table = tomllib.loads(files(__package__).joinpath("isa.toml").read_text(encoding="utf-8"))
    kernels = table["kernels"]
    return _Facts(
        order={group: rank for rank, group in enumerate(table["order"])},
        scalar=frozenset(table["scalar"]),
        least_instructions=kernels["least_instructions"],
        model=tuple(kernels["model"]),
        shared=tuple(kernels["shared"]),
        any=tuple(kernels["any"]),
        excluded=_pattern(kernels["except"]),
    )


def in_order(groups: Iterable[str]) -> list[str]:
    """Return ISA groups from old to new; unknown ones come last."""
    order = _facts().order
    return sorted(groups, key=lambda group: (order.get(group, len(order)), group))


def highest(groups: Mapping[str, int]) -> str:
    """Return the newest SIMD group with at least one instruction, or ``none``."""
    scalar = _facts().scalar
    present = in_order(g for g, number in groups.items() if number > 0 and g not in scalar)
    return present[-1] if present else NONE


def kernels_of(
    inspections: Iterable[Inspection], quantization: str
) -> tuple[tuple[str, FunctionIsa], ...]:
    """Return ``(file, function)`` of the kernels that a model of this quantization runs.

    Kernels of the quantization come first, then those that every model runs, each from the most
    vector instructions down. A build without any (stripped, say) falls back to all kernels.
    """
    facts = _facts()
    own = _pattern(name.replace("{quant}", _kernel_type(quantization)) for name in facts.model)
    shared, everything = _pattern(facts.shared), _pattern(facts.any)
    ranked: dict[int, list[tuple[str, FunctionIsa]]] = {0: [], 1: [], 2: []}
    for inspection in inspections:
        for function in inspection.functions:
            name = function.name.lower()
            if function.instructions < facts.least_instructions or facts.excluded.match(name):
                continue
            for rank, pattern in enumerate((own, shared, everything)):
                if pattern.match(name):
                    ranked[rank].append((inspection.file, function))
                    break
    for found in ranked.values():
        found.sort(key=lambda item: (-item[1].vector, item[1].name))
    return tuple(ranked[0] + ranked[1] or ranked[2])


def totals(kernels: Iterable[tuple[str, FunctionIsa]]) -> Kernels | None:
    """Add kernels up; None without any."""
    found = [function for _, function in kernels]
    instructions = sum(function.instructions for function in found)
    if not instructions:
        return None
    vector = sum(function.vector for function in found)
    return Kernels(
        functions=len(found),
        instructions=instructions,
        vector=vector,
        share=vector / instructions,
    )


def top(kernels: Iterable[tuple[str, FunctionIsa]]) -> tuple[FunctionInfo, ...]:
    """Return the first :data:`TOP_FUNCTIONS` kernels."""
    return tuple(
        FunctionInfo(
            name=function.name,
            file=file,
            instructions=function.instructions,
            vector=function.vector,
            highest=highest(function.groups),
            groups={group: function.groups[group] for group in in_order(function.groups)},
        )
        for file, function in list(kernels)[:TOP_FUNCTIONS]
    )


def short_name(function: str, limit: int = 34) -> str:
    """Return a function's name without return type and parameters, shortened in the middle."""
    name = function.replace("(anonymous namespace)::", "").split("(", 1)[0]
    start = depth = 0
    for place, character in enumerate(name):
        depth += (character == "<") - (character == ">")
        if character == " " and depth == 0:
            start = place + 1
    name = name[start:] or function
    if len(name) <= limit:
        return name
    half = (limit - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _kernel_type(quantization: str) -> str:
    # A file type such as Q4_K_M is a recipe; the kernels are named for the tensor type q4_K.
    return re.sub(r"_[sml]$", "", quantization.lower())


def _pattern(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{fnmatch.translate(glob.lower())})" for glob in globs))
