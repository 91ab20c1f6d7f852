"""The last stage: the best combination, change by change, on fresh blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.stats import pairs_needed
from llamabuild.types.optimization import CONFIRM

from .facts import layout
from .judge import NO_GAIN, NOT_NEEDED, SLOWER, arms_of, judge
from .order import order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.optimization import Configuration

    from .journal import Journal
    from .judge import Judged

ROUNDS = 2


def confirm(journal: Journal, changes: tuple[Configuration, ...]) -> None:
    """Measure changes one after the other, and once more those that stood if some fell.

    Uses all that is left of the budget; a round for which too little is left is not begun.

    Raises:
        LlamabuildError: As :meth:`~.journal.Journal.measure`.
    """
    record = journal.record
    order = order_of(record.levers)
    kinds = tuple(dict.fromkeys(load.kind for load in record.workloads))
    for number in range(1, ROUNDS + 1):
        if not changes:
            return
        share = layout().shares.first_round if number < ROUNDS else 1.0
        left = record.budget_seconds - journal.spent()
        fitting = _fitting(journal, changes, share * left)
        # What is set aside for a second round serves the first where that needs it.
        if not fitting:
            fitting = _fitting(journal, changes, left)
        if not fitting:
            return
        changes, least = fitting
        measurement = journal.measure(
            f"{CONFIRM} {number}",
            arms_of(changes, order),
            kinds=kinds,
            blocks=(least, layout().counts.confirm_most),
            until=journal.spent() + max(share * left, _seconds(journal, changes, least)),
            changes=changes,
        )
        judged = judge(changes, order, measurement, journal.weights, record.workloads)
        if all(each.accepted for each in judged):
            return
        changes = standing(judged)


def standing(judged: Sequence[Judged]) -> tuple[Configuration, ...]:
    """Return what is worth a second round: accepted changes, then those that need the others.

    A change that brought nothing when it came, but whose absence was shown to cost something in
    the end, works with what came after it: it goes last. One that is not needed beside the others
    may be their substitute: the weakest such goes.
    """
    free = [each for each in judged if each.verdict == NOT_NEEDED and each.without]
    weakest = min(free, key=lambda each: each.without.ratio if each.without else 1.0, default=None)
    kept = [each.change for each in judged if each.accepted or each.verdict == NOT_NEEDED]
    if weakest is not None:
        kept.remove(weakest.change)
    late = [
        each.change
        for each in judged
        if each.verdict in {NO_GAIN, SLOWER}
        and each.without
        and each.without.low
        and each.without.low > 1 + layout().statistics.threshold
    ]
    return (*kept, *late)


def _fitting(
    journal: Journal, changes: tuple[Configuration, ...], seconds: float
) -> tuple[tuple[Configuration, ...], int] | None:
    """Return as many changes as the time allows to confirm, with the least number of blocks.

    The weakest go first.
    """
    for count in range(len(changes), 0, -1):
        least = pairs_needed(layout().statistics.alpha / count) + 1
        if _seconds(journal, changes[:count], least) <= seconds:
            return changes[:count], least
    return None


def _seconds(journal: Journal, changes: tuple[Configuration, ...], blocks: int) -> float:
    arms = arms_of(changes, order_of(journal.record.levers))
    building = journal.build_seconds(arms)
    return building + journal.costs.stage(len(arms), len(journal.record.workloads), blocks)
