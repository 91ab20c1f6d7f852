"""The log: what was accepted, what was not, and how far it went, from the record alone."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from llamabuild.types.base import Data
from llamabuild.types.optimization import CONFIRM, SCREEN, LeftOut

from .confirm import ROUNDS
from .evidence import Evidence
from .facts import layout
from .judge import NOISY, Judged, judge
from .order import joined, order_of
from .values import Effect, by_configuration, effect_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.optimization import Configuration, Optimization

REACHED, NOT_SHOWN, MISSED = "reached", "not shown", "not reached"


class Rejected(Data, frozen=True, kw_only=True):
    """A choice that is not part of the result."""

    lever: str
    part: str
    reason: str
    effect: Effect | None
    """On the goal: where it fell in the confirmation, that of its whole change there; else that of
    the choice alone in the first stage, by itself. None where it could not be measured."""
    impacts: dict[str, Effect]
    """The same by workload."""
    stage: str
    """Where the effect comes from."""


class Reached(Data, frozen=True, kw_only=True):
    """The result on one workload."""

    workload: str
    effect: Effect
    target: str
    """``reached`` (the whole interval), ``not shown`` (the estimate alone) or ``not reached``."""


class Log(Data, frozen=True, kw_only=True):
    """What came of an optimization."""

    parts: tuple[str, ...]
    """Of the result; empty is the baseline."""
    accepted: tuple[Judged, ...]
    """In the order of effect, each against those before it."""
    rejected: tuple[Rejected, ...]
    left_out: tuple[LeftOut, ...]
    reached: tuple[Reached, ...]
    goal: Effect | None
    tried: int
    """Configurations that were measured, the baseline left out."""
    interactions: tuple[Interaction, ...]
    confirmed: bool
    """The last round accepted all that it tested: leave-one-out belongs to the result itself."""
    noisy: bool
    """The baseline's copy came out different in the last round: nothing is accepted."""
    notes: tuple[str, ...]


class Interaction(Data, frozen=True, kw_only=True):
    """A pair of one family: together against the product of both."""

    parts: tuple[str, ...]
    alone: tuple[float, ...]
    """Ratio on the goal of each."""
    together: float


def log_of(record: Optimization) -> Log:
    """Return the log of a record, complete or not."""
    order = order_of(record.levers)
    weights = layout().goals[record.goal]
    rounds = [stage for stage in record.stages if stage.name.startswith(CONFIRM)]
    judged = [
        judge(stage.changes, order, stage.measurement, weights, record.workloads)
        for stage in rounds
    ]
    last = judged[-1] if judged else ()
    accepted = _beginning(last)
    parts = joined([each.change for each in accepted], order)
    evidence = Evidence(weights, record.workloads)
    for stage in record.stages:
        if not stage.name.startswith(CONFIRM):
            evidence.add(stage.measurement)
    tried = {arm.configuration for stage in record.stages for arm in stage.measurement.arms}
    return Log(
        parts=parts,
        accepted=accepted,
        rejected=_rejected(record, judged, parts),
        left_out=record.left_out,
        reached=_reached(record, accepted),
        goal=accepted[-1].cumulative if accepted else None,
        tried=len(tried),
        interactions=_interactions(record, evidence),
        confirmed=bool(last) and all(each.accepted for each in last),
        noisy=any(each.verdict == NOISY for each in last),
        notes=tuple(_notes(record, judged, accepted)),
    )


def _beginning(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """The accepted changes up to the first that fell: no later one was measured without that."""
    found = []
    for each in judged:
        if not each.accepted:
            break
        found.append(each)
    return tuple(found)


def _reached(record: Optimization, accepted: Sequence[Judged]) -> tuple[Reached, ...]:
    if not accepted:
        return ()
    found = []
    for name, effect in accepted[-1].cumulatives.items():
        word = NOT_SHOWN if effect.ratio >= record.target else MISSED
        if effect.low is not None and effect.low >= record.target:
            word = REACHED
        found.append(Reached(workload=name, effect=effect, target=word))
    return tuple(found)


def _rejected(
    record: Optimization, judged: Sequence[Sequence[Judged]], parts: Configuration
) -> tuple[Rejected, ...]:
    """Every choice that was measured and is not in the result, in the order of the levers."""
    fell = {
        part: (number, each)
        for number, stage in enumerate(judged, 1)
        for each in stage
        for part in each.change
    }
    screened = next((s.measurement for s in record.stages if s.name == SCREEN), None)
    if screened is None:
        return ()
    alpha = layout().statistics.alpha
    arms = {arm.configuration: arm for arm in screened.arms}
    values = by_configuration(screened, layout().goals[record.goal], record.workloads)
    single = {
        load.name: by_configuration(screened, {load.kind: 1.0}, [load]) for load in record.workloads
    }
    found = []
    for lever in record.levers:
        for part in lever.choices:
            if part in parts:
                continue
            if part in fell:
                number, each = fell[part]
                found.append(_fallen(lever.name, part, each, f"{CONFIRM} {number}"))
                continue
            arm, own = arms.get((part,)), values.get((part,), {})
            effect = effect_of(list(own.values()), alpha)
            reason = arm.reason if arm else "not measured"
            impacts = {
                name: found_effect
                for name, known in single.items()
                if (found_effect := effect_of(list(known.get((part,), {}).values()), alpha))
            }
            found.append(
                Rejected(
                    lever=lever.name,
                    part=part,
                    reason=reason or _alone(effect),
                    effect=effect,
                    impacts=impacts,
                    stage=SCREEN if effect else "",
                )
            )
    return tuple(found)


def _fallen(lever: str, part: str, judged: Judged, stage: str) -> Rejected:
    verdict = "accepted, but not without what fell before it" if judged.accepted else judged.verdict
    reason = f"{verdict}: {judged.reason}" if judged.reason else verdict
    if len(judged.change) > 1:
        reason = f"{reason} (as {' + '.join(judged.change)})"
    return Rejected(
        lever=lever,
        part=part,
        reason=reason,
        effect=judged.impact,
        impacts=judged.impacts,
        stage=stage,
    )


def _alone(effect: Effect | None) -> str:
    if effect is None:
        return "not measured"
    if effect.high is not None and effect.high < 1:
        return "slower by itself"
    return "not in the best combination"


def _interactions(record: Optimization, evidence: Evidence) -> tuple[Interaction, ...]:
    """Pairs of one family that were measured alone and together."""
    family = {part: lever.family for lever in record.levers for part in lever.choices}
    found = []
    for configuration in evidence.values:
        known = all((part,) in evidence.values for part in configuration)
        named = {family.get(part, "") for part in configuration}
        if len(configuration) != 2 or not known or len(named) > 1 or named == {""}:  # noqa: PLR2004
            continue
        alone = tuple(exp(evidence.estimate((part,))) for part in configuration)
        together = exp(evidence.estimate(configuration))
        found.append(Interaction(parts=configuration, alone=alone, together=together))
    return tuple(found)


def _notes(
    record: Optimization, judged: Sequence[Sequence[Judged]], accepted: Sequence[Judged]
) -> list[str]:
    notes = []
    if record.status == "done" and not judged:
        notes.append(
            "nothing went into a confirmation: no combination looked better than the baseline, "
            "or too little of the budget was left"
        )
    if judged and accepted and len(accepted) < len(judged[-1]):
        why = "the last one" if len(judged) >= ROUNDS else "the last that the budget had room for"
        notes.append(f"some changes fell in round {len(judged)} of the confirmation, {why}")
    return notes
