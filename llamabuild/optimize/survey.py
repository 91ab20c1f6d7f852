"""Before anything is measured: what is searched, what it costs, whether the budget reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.stats import pairs_needed
from llamabuild.types.base import Data
from llamabuild.types.optimization import LeftOut, Lever

from .estimate import Costs
from .facts import layout
from .levers import levers_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llamabuild.types.optimization import Optimization

    from .facts import LeverFacts
    from .lab import Lab
    from .levers import Situation

MINUTE = 60
FULL_CONFIRMATION = 3
"""Arms that confirm one change, besides the baseline and its copy, and one to spare."""


class Survey(Data, frozen=True, kw_only=True):
    """What a budget reaches for. Seconds are expectations."""

    levers: tuple[Lever, ...]
    left_out: tuple[LeftOut, ...]
    build_seconds: dict[str, float]
    """By part; that of the baseline under ``""``."""
    screen_seconds: float
    """First stage, with the least number of blocks."""
    least_seconds: float
    """A smaller budget would say nothing."""


def survey(
    record: Optimization,
    situation: Situation,
    lab: Lab,
    facts: Sequence[LeverFacts] | None = None,
) -> Survey:
    """Return what would be done.

    As long as the share of the first stage lasts, each lever's first choice is taken before any
    second one, those without a build to make before those with one, else as in their table.

    Raises:
        LlamabuildError: As the lab.
    """
    levers, left_out = levers_here(situation, lab, facts)
    builds = {"": lab.build_seconds(())}
    for lever in levers:
        if lever.builds:
            builds |= {part: lab.build_seconds((part,)) for part in lever.choices}
    kinds = layout().goals[record.goal]
    workloads = sum(load.kind in kinds for load in record.workloads)
    costs, counts, shares = Costs.expected(record), layout().counts, layout().shares
    blocks = counts.warmup + counts.screen_least

    def cost(part: str) -> float:
        return builds.get(part, 0.0) + costs.check + costs.trial * workloads * blocks

    available = shares.screen * (record.budget_seconds - builds[""])
    fixed = costs.stage(0, workloads, counts.screen_least)
    taken, chosen, missed = fixed, list[str](), list[LeftOut]()
    for lever, part in _in_turn(levers, builds):
        if taken + cost(part) <= available:
            taken += cost(part)
            chosen.append(part)
            continue
        why = f"the budget does not reach for it{_build_time(builds.get(part, 0.0))}"
        missed.append(LeftOut(lever=lever.name, part=part, reason=why))
    cheapest = sorted(cost(part) for lever in levers for part in lever.choices)
    least_screen = fixed + sum(cheapest[: counts.levers_least])
    pairs = pairs_needed(layout().statistics.alpha)
    least_confirm = costs.stage(FULL_CONFIRMATION, len(record.workloads), pairs)
    return Survey(
        levers=_only(levers, chosen),
        left_out=(*left_out, *missed),
        build_seconds=builds,
        screen_seconds=builds[""] + taken,
        least_seconds=builds[""]
        + max(least_screen / shares.screen, least_confirm / shares.confirm),
    )


def check_budget(record: Optimization, found: Survey) -> None:
    """Refuse a budget that would say nothing.

    Raises:
        BadInput: It would, or there is nothing to search.
    """
    if not found.levers and record.budget_seconds >= found.least_seconds:
        message = f"there is nothing to set on this machine for the goal '{record.goal}'"
        raise BadInput(message, "'optimize --dry-run' says why for each lever")
    if record.budget_seconds < found.least_seconds:
        minutes = -int(-found.least_seconds // MINUTE)
        build = found.build_seconds[""]
        what = f", of which {build:.0f} s build the baseline" if build else ""
        message = (
            f"a budget of {record.budget_seconds / MINUTE:.3g} min is too small to say anything"
        )
        raise BadInput(message, f"it takes at least --budget {minutes}m{what}")


def surveyed(record: Optimization, found: Survey) -> Optimization:
    """Return the record with what will be searched."""
    return msgspec.structs.replace(
        record,
        levers=found.levers,
        left_out=found.left_out,
        build_seconds=found.build_seconds,
    )


def _in_turn(levers: Sequence[Lever], builds: Mapping[str, float]) -> Iterator[tuple[Lever, str]]:
    """A budget that does not reach for all is spent on as many different levers as it can be."""
    choices = [
        (place, builds.get(part, 0.0) > 0, number)
        for number, lever in enumerate(levers)
        for place, part in enumerate(lever.choices)
    ]
    for place, _, number in sorted(choices):
        yield levers[number], levers[number].choices[place]


def _only(levers: Sequence[Lever], chosen: Sequence[str]) -> tuple[Lever, ...]:
    kept = (
        msgspec.structs.replace(lever, choices=tuple(p for p in lever.choices if p in chosen))
        for lever in levers
    )
    return tuple(lever for lever in kept if lever.choices)


def _build_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE)
    return f": its build takes about {minutes}:{rest:02d}" if seconds else ""
