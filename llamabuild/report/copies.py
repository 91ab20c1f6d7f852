"""Builds that are the baseline once more under another name, such as ``gcc`` where cc is gcc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult


def with_copies_named(
    variants: Iterable[VariantResult], baseline: str
) -> tuple[VariantResult, ...]:
    """Return the variants, the further copies of the baseline named as what they are."""
    found = tuple(variants)
    first = next((variant for variant in found if variant.name == baseline), None)
    if first is None:
        return found
    return tuple(
        msgspec.structs.replace(variant, copy_of=baseline)
        if variant is not first and _same(variant, first)
        else variant
        for variant in found
    )


def _same(one: VariantResult, other: VariantResult) -> bool:
    """Whether the same files are run in the same way."""
    if one.build is None or other.build is None or one.build.id != other.build.id:
        return False
    first, second = one.settings, other.settings
    return (
        first is not None
        and second is not None
        and first.environment == second.environment
        and first.bench_arguments == second.bench_arguments
        and first.launcher == second.launcher
        and (first.program, first.mode) == (second.program, second.mode)
        and first.allocator == second.allocator
        and one.model == other.model
    )
