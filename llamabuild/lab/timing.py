"""How long parts take, and how a budget is divided among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BadInput

from .parts import ALWAYS, MAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .parts import Part

WORKLOADS, COPIES, WARMUP = 2, 1, 1
"""Of a part that names no other: prompt processing and generation, the baseline's copy, and the
blocks before the first that counts."""


class Pace(NamedTuple):
    """What a model takes here, in seconds."""

    trial: float = 0.0
    """Of a plain trial."""
    check: float = 0.0
    """Of an arm, before its first trial."""


def least_seconds(part: Part, pace: Pace) -> float:
    """Return the shortest time in which a part says anything.

    Args:
        part: The part.
        pace: Of its model.
    """
    if not part.least:
        return part.seconds
    trials = (part.least + WARMUP) * (part.arms + COPIES) * (len(part.workloads) or WORKLOADS)
    return part.seconds + part.arms * pace.check + trials * pace.trial * part.factor


def allowance(name: str, left_seconds: float, ahead: Mapping[str, Part]) -> float:
    """Return what a part may take: its share of what is left, against those behind it.

    Args:
        name: The part whose turn it is.
        left_seconds: Of the budget.
        ahead: It and all parts behind it, those excepted that won't be done.
    """
    return left_seconds * ahead[name].share / sum(part.share for part in ahead.values())


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
    least = {
        name: least_seconds(part, paces.get(part.model, paces[MAIN]))
        for name, part in wanted.items()
    }
    kept = dict(wanted)
    by_rank = sorted(wanted, key=lambda name: wanted[name].rank)  # stable: else the file's order
    while sum(least[name] for name in kept) > budget_seconds:
        last = by_rank.pop()
        if wanted[last].rank <= ALWAYS:
            needed = sum(least[name] for name in wanted if wanted[name].rank <= ALWAYS)
            message = f"a budget of {budget_seconds / 60:.0f} min is too small to say anything"
            alone = f"limits, baseline, threads and the challenge alone take {needed / 60:.0f} min"
            raise BadInput(message, f"{alone} here: use --budget {needed / 60 + 1:.0f}m")
        del kept[last]
    return tuple(kept)
