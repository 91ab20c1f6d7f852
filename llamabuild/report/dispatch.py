"""Which CPU backend a build with several of them picked, and whether that was a good choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import DispatchInfo
from llamabuild.report.execution import facts, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult


SIMD = "simd"
"""Kind of the variants that differ in their instruction sets alone."""


def dispatch_info(variant: VariantResult, variants: Sequence[VariantResult]) -> DispatchInfo | None:
    """Return what a build picked; None where nothing was picked at run time, or not seen."""
    picked = _picked(variant)
    if picked is None:
        return None
    library, share = picked
    ahead = {
        result.name: _ahead(place, result, variants)
        for place, result in enumerate(variant.workloads)
        if result.ratio is not None
    }
    fastest = tuple(name for name, others in ahead.items() if not others)
    return DispatchInfo(
        library=library,
        share=share,
        fastest=fastest,
        sentence=f"`{variant.name}` picked {library}. {_verdict(ahead)}".rstrip(),
    )


def _picked(variant: VariantResult) -> tuple[str, float] | None:
    patterns = facts()["dispatch"]["libraries"]
    totals: dict[str, float] = {}
    sampled = [execution for execution in variant.executions if execution.libraries]
    for execution in sampled:
        for name, share in execution.libraries.items():
            if matches(name, patterns):
                totals[name] = totals.get(name, 0.0) + share / len(sampled)
    return max(totals.items(), key=lambda item: item[1], default=None)


def _ahead(
    place: int, own: WorkloadResult, variants: Sequence[VariantResult]
) -> list[VariantResult]:
    """Return the builds with an interval entirely above this one's, the fastest first."""
    top = own.high if own.high is not None else own.ratio
    found = [
        variant
        for variant in variants
        if (low := variant.workloads[place].low) is not None and top is not None and low > top
    ]
    return sorted(found, key=lambda variant: -(variant.workloads[place].ratio or 0.0))


def _verdict(ahead: dict[str, list[VariantResult]]) -> str:
    sentences = []
    for workload, others in ahead.items():
        if not others:
            sentences.append(f"At {workload} no build was shown to be faster.")
            continue
        more = f" and {numbers.count(len(others) - 1, 'other')}" if len(others) > 1 else ""
        verb = "was" if len(others) == 1 else "were"
        alone = [f"`{variant.name}`" for variant in others if variant.kind == SIMD]
        simd = f"{numbers.listing(alone)} by SIMD alone" if alone else "none by SIMD alone"
        sentences.append(f"At {workload} `{others[0].name}`{more} {verb} faster, {simd}.")
    return " ".join(sentences)
