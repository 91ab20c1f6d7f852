"""Which CPU backend a build with several of them picked, and whether that was a good choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import DispatchInfo
from llamabuild.report.execution import facts, matches
from llamabuild.report.ranking import apart, bounds, is_measured
from llamabuild.types.comparison import BASELINE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult


SIMD = "simd"
"""Kind of the variants that differ in their instruction sets alone."""
UNTESTED = "No other instruction set ran beside it, so the choice was hardly tested."


def dispatch_info(variant: VariantResult, variants: Sequence[VariantResult]) -> DispatchInfo | None:
    """Return what a build picked; None where nothing was picked at run time, or not seen."""
    picked = _picked(variant)
    if picked is None:
        return None
    library, share, words = picked
    rivals = [other for other in variants if _is_rival(other, variant)]
    ahead = {
        result.name: _ahead(place, result, variants)
        for place, result in enumerate(variant.workloads)
        if result.ratio is not None
    }
    fastest = tuple(
        name
        for name, others in ahead.items()
        if rivals and others is not None and not any(other in rivals for other in others)
    )
    sentences = [f"`{variant.name}` picked {words}.", _verdict(ahead, rivals)]
    if ahead and not any(_is_other_choice(rival) for rival in rivals):
        sentences.append(UNTESTED)
    return DispatchInfo(
        library=library,
        share=share,
        fastest=fastest,
        rivals=tuple(rival.name for rival in rivals),
        sentence=" ".join(filter(None, sentences)),
    )


def _is_rival(other: VariantResult, variant: VariantResult) -> bool:
    """Whether a build says something about the choice: an allocator or a fork says nothing."""
    return (
        other.kind == SIMD
        and other.name != variant.name
        and other.source == variant.source
        and not other.copy_of
        and is_measured(other)
    )


def _is_other_choice(rival: VariantResult) -> bool:
    """Whether it uses what another backend would: ``native`` is what dispatch should pick."""
    return rival.build is None or not rival.build.native_resolution


def _picked(variant: VariantResult) -> tuple[str, float, str] | None:
    """Return the library, its share and both in words: by what ran, else by what was loaded."""
    patterns = facts()["dispatch"]["libraries"]
    totals: dict[str, float] = {}
    sampled = [execution for execution in variant.executions if execution.libraries]
    for execution in sampled:
        for name, share in execution.libraries.items():
            if matches(name, patterns):
                totals[name] = totals.get(name, 0.0) + share / len(sampled)
    last = [e.loaded[-1] for e in variant.executions if e.loaded]
    settled = list(dict.fromkeys(name for name in last if matches(name, patterns)))
    if not totals:
        words = "it was loaded last, and too little was sampled to see it run"
        return (settled[0], 0.0, f"{settled[0]} ({words})") if settled else None
    library, share = max(totals.items(), key=lambda item: item[1])
    others = [name for name in settled if name != library]
    words = "loaded last, and ran" if settled else "by what ran; what was loaded was not seen"
    if others:
        words = f"by what ran; {numbers.listing(others)} was loaded last"
    return library, share, f"{library} ({words})"


def _ahead(
    place: int, own: WorkloadResult, variants: Sequence[VariantResult]
) -> list[VariantResult] | None:
    """Return the builds with an interval entirely above this one's, the fastest first.

    Of the baseline the verdict tells. None where this one has no interval.
    """
    if bounds(own)[1] is None:
        return None
    found = [
        variant
        for variant in variants
        if not variant.copy_of
        and (
            own.verdict == SLOWER
            if variant.workloads[place].verdict == BASELINE
            else apart(variant.workloads[place], own)
        )
    ]
    return sorted(found, key=lambda variant: -(variant.workloads[place].ratio or 0.0))


def _verdict(ahead: dict[str, list[VariantResult] | None], rivals: Sequence[VariantResult]) -> str:
    sentences = []
    for workload, others in ahead.items():
        if others is None:
            sentences.append(f"At {workload} there are too few blocks to tell.")
            continue
        if not others:
            sentences.append(f"At {workload} no build was shown to be faster.")
            continue
        more = f" and {numbers.count(len(others) - 1, 'other')}" if len(others) > 1 else ""
        verb = "was" if len(others) == 1 else "were"
        alone = [f"`{variant.name}`" for variant in others if variant in rivals]
        simd = f"{numbers.listing(alone)} by SIMD alone" if alone else "none by SIMD alone"
        sentences.append(f"At {workload} `{others[0].name}`{more} {verb} faster, {simd}.")
    return " ".join(sentences)
