"""The result of a run in words that need no background."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.types.comparison import EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import NoiseInfo, VariantResult, WorkloadResult
    from llamabuild.types.run import Workload

KIND_NAMES = {"pp": "prompt processing", "tg": "token generation"}
VERDICTS = (FASTER, SLOWER, EQUIVALENT, NO_DIFFERENCE)


def answer(
    baseline: str,
    workloads: Sequence[Workload],
    variants: Sequence[VariantResult],
    noise: Sequence[NoiseInfo],
) -> str:
    """Return a few sentences, names in backticks: which build won, by how much, how surely."""
    measured = [
        variant
        for variant in variants
        if variant.name != baseline and any(_counts(result) for result in variant.workloads)
    ]
    if not measured:
        return "No build could be compared with another in this run, so it has no winner."
    doubt = _doubt(noise)
    names = {workload.name: KIND_NAMES.get(workload.kind, workload.name) for workload in workloads}
    if len(set(names.values())) < len(names):
        names = {workload.name: workload.name for workload in workloads}
    behind = _left_behind(measured, names)
    winner = winning(measured)
    if winner is None:
        tried = numbers.count(len(measured), "other build")
        verb = "was" if len(measured) == 1 else "were"
        return (
            f"On this machine none of the {tried} that {verb} measured was shown to be faster "
            f"than `{baseline}`.{behind}{doubt}"
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
        text += (
            f" Its {own} those of {numbers.listing([f'`{name}`' for name in rivals])}, "
            "so this run does not rank them."
        )
    return text + specialists + behind + doubt


def winning(measured: Sequence[VariantResult]) -> VariantResult | None:
    """Return the variant with the best mean ratio of those that are faster on some workload."""
    faster = [
        variant
        for variant in measured
        if any(result.verdict == FASTER for result in variant.workloads)
    ]
    return max(faster, key=_mean_log_ratio, default=None)


def rivals_of(winner: VariantResult, measured: Sequence[VariantResult]) -> list[str]:
    """Return the names of variants whose intervals overlap the winner's on every workload."""
    return [
        variant.name
        for variant in measured
        if variant.name != winner.name
        and all(
            _overlap(one, other)
            for one, other in zip(variant.workloads, winner.workloads, strict=True)
        )
    ]


def _specialists(
    winner: VariantResult, measured: Sequence[VariantResult], names: dict[str, str]
) -> str:
    sentences = []
    for place, own in enumerate(winner.workloads):
        better = [
            f"`{variant.name}`"
            for variant in measured
            if own.high is not None
            and (low := variant.workloads[place].low) is not None
            and low > own.high
        ]
        if better:
            verb = "is" if len(better) == 1 else "are"
            sentences.append(f" At {names[own.name]} {numbers.listing(better)} {verb} faster.")
    return "".join(sentences)


def _left_behind(measured: Sequence[VariantResult], names: dict[str, str]) -> str:
    """Name the builds that are slower throughout, and how slow it gets."""
    slow = [v for v in measured if all(r.verdict == SLOWER for r in v.workloads)]
    if not slow:
        return ""
    worst = []
    for place, first in enumerate(slow[0].workloads):
        lowest = min(v.workloads[place].ratio or math.inf for v in slow)
        worst.append(f"{numbers.ratio(lowest)} at {names[first.name]}")
    verb, down = ("is", "") if len(slow) == 1 else ("are", "down to ")
    builds = numbers.listing([f"`{variant.name}`" for variant in slow])
    return f" {builds} {verb} slower: {down}{numbers.listing(worst)}."


def _overlap(one: WorkloadResult, other: WorkloadResult) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high


def _mean_log_ratio(variant: VariantResult) -> float:
    logs = [math.log(result.ratio) for result in variant.workloads if result.ratio]
    return sum(logs) / len(logs) if logs else -math.inf


def _counts(result: WorkloadResult) -> bool:
    return result.verdict in VERDICTS and result.ratio is not None


def _part(name: str, result: WorkloadResult) -> str:
    span = numbers.interval(result.ratio, result.low, result.high)
    text = f"{name} at {numbers.ratio(result.ratio, result.low, result.high)} {span}".rstrip()
    return f"{text} ({result.verdict})" if result.verdict != FASTER else text


def _doubt(noise: Sequence[NoiseInfo]) -> str:
    if all(item.usable for item in noise):
        return ""
    return (
        " But a second copy of the baseline did not come out equal to the first, "
        "so treat these figures as a hint, not as proof."
    )
