"""How long parts take, and how a budget is divided among them."""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BadInput

from .parts import ALWAYS, MAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .parts import Part

ALPHA = 0.05
"""Family-wise, as the main job has it."""
WORKLOADS, COPIES, WARMUP = 2, 1, 1
"""Of a part that names no other: prompt processing and generation, the baseline's copy, and the
blocks before the first that counts."""


class Pace(NamedTuple):
    """What a model takes here, in seconds."""

    trial: float = 0.0
    """Of a plain trial."""
    check: float = 0.0
    """Of an arm, before its first trial."""


def least_blocks(part: Part) -> int:
    """Return how many blocks a part takes to show anything.

    Fewer can't: the smallest p-value of Wilcoxon's signed-rank test with n pairs is 2 / 2^n, and
    of all comparisons of a run the first in Holm's procedure must come below alpha / comparisons.
    """
    if part.least:
        return part.least
    comparisons = max(1, part.arms - 1) * (len(part.workloads) or WORKLOADS)
    return ceil(log2(2 * comparisons / ALPHA))


def least_seconds(part: Part, pace: Pace) -> float:
    """Return the shortest time in which a part says anything.

    Args:
        part: The part.
        pace: Of its model.
    """
    if not part.arms:
        return part.seconds
    workloads = len(part.workloads) or WORKLOADS
    trials = (least_blocks(part) + WARMUP) * (part.arms + COPIES) * workloads
    return part.seconds + part.arms * pace.check + trials * pace.trial * part.factor


def allowance(
    name: str, left_seconds: float, ahead: Mapping[str, Part], paces: Mapping[str, Pace]
) -> float:
    """Return what a part may take: what it needs at least, and its share of what nobody needs.

    Args:
        name: The part whose turn it is.
        left_seconds: Of the budget.
        ahead: It and all parts behind it, those excepted that won't be done.
        paces: By kind of model.
    """
    least = {each: least_seconds(part, _pace(part, paces)) for each, part in ahead.items()}
    spare = max(0.0, left_seconds - sum(least.values()))
    shares = sum(part.share for part in ahead.values())
    return min(least[name] + spare * ahead[name].share / shares, max(0.0, left_seconds))


def _pace(part: Part, paces: Mapping[str, Pace]) -> Pace:
    return paces.get(part.model, paces[MAIN])


def reach(
    wanted: Mapping[str, Part], budget_seconds: float, paces: Mapping[str, Pace]
) -> tuple[str, ...]:
    """Return the parts that a budget reaches for, in their order.

    Those with the highest rank are left out first, and of one rank the last ones.

    Args:
        wanted: All that can be done here.
        budget_seconds: For all together.
        paces: By kind of model (``main``, ``small``, ``real``).

    Raises:
        BadInput: Not even what a lab can't do without fits; it says what that would take.
    """
    least = {name: least_seconds(part, _pace(part, paces)) for name, part in wanted.items()}
    by_rank = sorted(wanted, key=lambda name: wanted[name].rank)  # stable: else the file's order
    kept = list(by_rank)
    while sum(least[name] for name in kept) > budget_seconds:
        if wanted[kept[-1]].rank <= ALWAYS:
            needed = sum(least[name] for name in wanted if wanted[name].rank <= ALWAYS)
            message = f"a budget of {budget_seconds / 60:.0f} min is too small to say anything"
            alone = f"limits, baseline, threads and the challenge alone take {needed / 60:.0f} min"
            raise BadInput(message, f"{alone} here: use --budget {needed / 60 + 1:.0f}m")
        kept.pop()
    for name in by_rank[len(kept) :]:  # a long one may leave room for shorter ones behind it
        if sum(least[each] for each in kept) + least[name] <= budget_seconds:
            kept.append(name)
    return tuple(name for name in wanted if name in kept)
