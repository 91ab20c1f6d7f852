"""The result of a run in words that need no background."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.findings import DOUBT, MANY, Field, few, told
from llamabuild.report.ranking import apart, is_complete, mean_log_ratio, overlap
from llamabuild.types.comparison import EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult
    from llamabuild.types.run import Workload

KIND_NAMES = {
    "pp": "prompt processing",
    "tg": "token generation",
    "ttft": "time to the first token",
    "gen": "generation of text",
}
FEW = 4
VERDICTS = (FASTER, SLOWER, EQUIVALENT, NO_DIFFERENCE)


def answer(
    baseline: str,
    workloads: Sequence[Workload],
    variants: Sequence[VariantResult],
    *,
    usable: bool = True,
) -> str:
    """Return a few sentences, names in backticks: which build won, by how much, how surely.

    Args:
        baseline: Name of the variant that the others are compared with.
        workloads: Of the run.
        variants: Of the run.
        usable: The copy of the baseline came out equal to it.
    """
    measured = [
        variant
        for variant in variants
        if variant.name != baseline
        and not variant.copy_of
        and any(_counts(result) for result in variant.workloads)
    ]
    if not measured and (copies := [v.name for v in variants if v.copy_of]):
        verb = "is" if len(copies) == 1 else "are"
        return (
            f"{few(copies, FEW)} {verb} the same build as `{baseline}`, run the same way, "
            "so this run has no winner."
        )
    if not measured:
        return "No build could be compared with another in this run, so it has no winner."
    doubt = "" if usable else f" But {DOUBT}"
    names = workload_names(workloads)
    if len(measured) >= MANY:
        return _of_many(Field(baseline, names, tuple(variants)), len(measured)) + doubt
    winner = winning(measured)
    behind = _left_behind([variant for variant in measured if variant is not winner], names)
    if winner is None:
        whole = [variant for variant in measured if is_complete(variant)]
        everywhere = "" if len(whole) == len(measured) else " at every workload"
        tried = numbers.count(len(whole), "other build")
        said = f"none of the {tried} that were measured{everywhere} was shown"
        if len(whole) == 1:
            said = f"`{whole[0].name}`, the one other build measured{everywhere}, was not shown"
        return (
            f"On this machine {said} to be faster than `{baseline}`."
            f"{_incomplete(measured, names)}{behind}{doubt}"
        )
    parts = [_part(names[result.name], result) for result in winner.workloads if _counts(result)]
    rivals = rivals_of(winner, measured)
    specialists = _specialists(winner, measured, names)
    lead = "came out ahead" if rivals or specialists else "is the fastest build"
    text = (
        f"On this machine `{winner.name}` {lead}: "
        f"{numbers.listing(parts)} of the speed of `{baseline}`."
    )
    if rivals:
        own = "interval overlaps" if len(parts) == 1 else "intervals overlap"
        text += f" Its {own} those of {few(rivals, FEW)}, so this run does not rank them."
    return text + specialists + behind + doubt


def workload_names(workloads: Sequence[Workload]) -> dict[str, str]:
    """Return each workload's name with words for it, which differ from each other."""
    names = {workload.name: KIND_NAMES.get(workload.kind, workload.name) for workload in workloads}
    if len(set(names.values())) < len(names):
        return {workload.name: workload.name for workload in workloads}
    return names


def _of_many(field: Field, number: int) -> str:
    clauses: list[str] = []
    before = ""
    for place, words in enumerate(field.workloads.values()):
        leader = field.leader(place)
        if leader is None:
            continue
        against = f" of the speed of `{field.baseline}`" if not clauses else ""
        name = f"`{leader.name}`" if leader.name != before else "it"
        rivals = len(field.rivals(leader, (place,)))
        others = sum(v.workloads[place].ratio is not None for v in field.measured)
        lead = f"ahead of {numbers.count(others - rivals, 'build')}"
        if not rivals:
            lead = f"the fastest of {others + 1} builds"
        clause = f"{name} is {lead} at {words}, {told(leader.workloads[place])}{against}"
        if rivals:
            clause += f", not told apart from {numbers.count(rivals, 'other')}"
        clauses.append(clause)
        before = leader.name
    if not clauses:
        tried = numbers.count(number, "other build")
        return f"On this machine none of {tried} was shown to be faster than `{field.baseline}`."
    return (
        f"On this machine {'; '.join(clauses)}. The largest of so many ratios tends to be too "
        "large; it was not confirmed on fresh blocks."
    )


def winning(measured: Sequence[VariantResult]) -> VariantResult | None:
    """Return the variant with the best mean ratio of those that are faster on some workload.

    Those that were not measured on every workload can't win.
    """
    faster = [
        variant
        for variant in measured
        if is_complete(variant) and any(result.verdict == FASTER for result in variant.workloads)
    ]
    return max(faster, key=mean_log_ratio, default=None)


def rivals_of(winner: VariantResult, measured: Sequence[VariantResult]) -> list[str]:
    """Return the names of variants whose intervals overlap the winner's on every workload."""
    return [
        variant.name
        for variant in measured
        if variant.name != winner.name
        and all(
            overlap(one, other)
            for one, other in zip(variant.workloads, winner.workloads, strict=True)
        )
    ]


def _specialists(
    winner: VariantResult, measured: Sequence[VariantResult], names: dict[str, str]
) -> str:
    sentences = []
    for place, own in enumerate(winner.workloads):
        better = [variant.name for variant in measured if apart(variant.workloads[place], own)]
        if better:
            verb = "is" if len(better) == 1 else "are"
            sentences.append(f" At {names[own.name]} {few(better, FEW)} {verb} faster.")
    return "".join(sentences)


def _incomplete(measured: Sequence[VariantResult], names: dict[str, str]) -> str:
    """Name the builds that are faster at one workload and have no result at another."""
    sentences = []
    for place, words in enumerate(names.values()):
        found = [v.name for v in measured if v.workloads[place].verdict == FASTER]
        if found:
            verb, was = ("is", "was") if len(found) == 1 else ("are", "were")
            sentences.append(
                f" At {words} {few(found, FEW)} {verb} faster, but {was} not measured everywhere."
            )
    return "".join(sentences)


def _left_behind(measured: Sequence[VariantResult], names: dict[str, str]) -> str:
    """Name the builds that are slower, by the workloads at which they are, and how slow it gets."""
    groups: dict[tuple[int, ...], list[VariantResult]] = {}
    for variant in measured:
        slow = tuple(p for p, load in enumerate(variant.workloads) if load.verdict == SLOWER)
        groups.setdefault(slow, []).append(variant)
    groups.pop((), None)
    words = list(names.values())
    sentences = []
    for places in sorted(groups, key=lambda places: (-len(places), places)):
        slower = groups[places]
        worst = [
            f"{numbers.ratio(min(v.workloads[p].ratio or math.inf for v in slower))} at {words[p]}"
            for p in places
        ]
        verb, down = ("is", "") if len(slower) == 1 else ("are", "down to ")
        builds = few([variant.name for variant in slower], FEW)
        sentences.append(f" {builds} {verb} slower: {down}{numbers.listing(worst)}.")
    return "".join(sentences)


def _counts(result: WorkloadResult) -> bool:
    return result.verdict in VERDICTS and result.ratio is not None


def _part(name: str, result: WorkloadResult) -> str:
    text = f"{name} at {told(result)}"
    return f"{text} ({result.verdict})" if result.verdict != FASTER else text
