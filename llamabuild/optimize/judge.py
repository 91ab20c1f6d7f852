"""What a confirmation says of each change: only fresh blocks, corrected for all that is tested."""

from __future__ import annotations

from itertools import pairwise
from math import log1p
from typing import TYPE_CHECKING

import msgspec

from llamabuild.stats import holm, paired_shift
from llamabuild.types.base import Data

from .facts import layout
from .order import joined
from .values import Effect, by_configuration, difference, effect_of, effect_of_shift, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.stats import HolmStep, PairedShift
    from llamabuild.types.optimization import Configuration, Measurement
    from llamabuild.types.run import Workload

    from .values import Values

ACCEPTED = "accepted"
SLOWER = "slower"
NO_GAIN = "no gain shown"
LOSES = "costs too much elsewhere"
NOT_NEEDED = "not needed beside the others"
NOT_MEASURED = "not measured"
NOISY = "too noisy to say"


class Judged(Data, frozen=True, kw_only=True):
    """One change: what it adds to those before it, and what the whole loses without it."""

    change: tuple[str, ...]
    verdict: str
    reason: str
    impact: Effect | None
    """On the goal, against the step before; its interval is that of its step in Holm's test."""
    impacts: dict[str, Effect]
    """The same by workload, each interval by itself."""
    cumulative: Effect | None
    """On the goal, this and all changes before it against the baseline."""
    cumulatives: dict[str, Effect]
    without: Effect | None
    """On the goal, all changes against all but this one."""

    @property
    def accepted(self) -> bool:
        """Whether it is part of the result."""
        return self.verdict == ACCEPTED


def arms_of(changes: Sequence[Configuration], order: Sequence[str]) -> tuple[Configuration, ...]:
    """Return what confirms changes: each beginning of their list, and the whole without each."""
    steps = [joined(changes[: number + 1], order) for number in range(len(changes))]
    without = [_without(changes, change, order) for change in changes]
    return tuple(dict.fromkeys(each for each in (*steps, *without) if each))


def judge(
    changes: Sequence[Configuration],
    order: Sequence[str],
    measurement: Measurement,
    weights: Mapping[str, float],
    workloads: Sequence[Workload],
) -> tuple[Judged, ...]:
    """Judge changes in their order, each against the one before it.

    A change is accepted if the interval of its impact on the goal, at the level of its step in
    Holm's procedure over all changes, lies beyond the threshold or beyond what the baseline's copy
    shows, whichever is more; if no workload that the goal weighs loses more than is allowed; and
    if, all others being accepted too, leaving it out is not shown to be free.

    Args:
        changes: Each with its parts.
        order: Of all parts in a name.
        measurement: With the arms of :func:`arms_of`.
        weights: Of the goal, by kind of workload.
        workloads: Of the measurement.
    """
    alpha = layout().statistics.alpha
    figures = _Figures(measurement, weights, workloads)
    delta, usable = figures.noise()
    steps = [(), *(joined(changes[: n + 1], order) for n in range(len(changes)))]
    shifts = [figures.shift(after, before) for before, after in pairwise(steps)]
    tests = iter(holm([s.p_beyond(delta) for s in shifts if s is not None], alpha))
    judged = []
    for number, (change, shift) in enumerate(zip(changes, shifts, strict=True)):
        test = next(tests) if shift is not None else None
        before, after = steps[number], steps[number + 1]
        impacts = figures.by_workload(after, before, alpha)
        verdict, reason = _verdict(shift, test, delta)
        if verdict == ACCEPTED and (loss := _loss(impacts, weights, workloads)):
            verdict, reason = LOSES, loss
        rest = figures.shift(steps[-1], _without(changes, change, order))
        total = figures.shift(after, ())
        judged.append(
            Judged(
                change=change,
                verdict=verdict if usable else NOISY,
                reason=reason if usable else "the baseline's copy came out different from it",
                impact=effect_of_shift(shift, test.alpha) if shift and test else None,
                impacts=impacts,
                cumulative=effect_of_shift(total, alpha) if total else None,
                cumulatives=figures.by_workload(after, (), alpha),
                without=effect_of_shift(rest, alpha / len(changes)) if rest else None,
            )
        )
    if all(each.accepted for each in judged):
        return tuple(_if_needed(each, delta) for each in judged)
    return tuple(judged)


def _without(
    changes: Sequence[Configuration], change: Configuration, order: Sequence[str]
) -> Configuration:
    return joined([each for each in changes if each != change], order)


def _verdict(shift: PairedShift | None, test: HolmStep | None, delta: float) -> tuple[str, str]:
    """Return the verdict on one step by the goal alone, and a clause on why."""
    if shift is None or test is None:
        return NOT_MEASURED, "it could not be measured here"
    interval = shift.interval(test.alpha)
    if interval.high < -delta:
        return SLOWER, "slower than without it"
    if not test.rejected or interval.low <= delta:
        return NO_GAIN, "the interval reaches below the threshold"
    return ACCEPTED, ""


def _loss(
    impacts: Mapping[str, Effect], weights: Mapping[str, float], workloads: Sequence[Workload]
) -> str:
    """Say which workload that the goal weighs loses more than is allowed, if one does."""
    allowed = 1 - layout().statistics.allowed_loss
    for load in workloads:
        effect = impacts.get(load.name)
        if effect and weights.get(load.kind) and effect.ratio < allowed:
            return f"{load.name} loses {1 - effect.ratio:.1%}"
    return ""


def _if_needed(judged: Judged, delta: float) -> Judged:
    """Where all others are accepted, leaving a change out must cost something."""
    without = judged.without
    if without is None or without.high is None or log1p(without.high - 1) >= delta:
        return judged
    reason = "with all others, it brings no more than the threshold"
    return msgspec.structs.replace(judged, verdict=NOT_NEEDED, reason=reason)


class _Figures:
    """The values of a confirmation, on the goal and on each workload."""

    def __init__(
        self, measurement: Measurement, weights: Mapping[str, float], workloads: Sequence[Workload]
    ) -> None:
        self._goal = by_configuration(measurement, weights, workloads)
        self._noise = values_of(measurement.noise, weights, workloads)
        self._single = {
            load.name: by_configuration(measurement, {load.kind: 1.0}, [load])
            for load in workloads
            if any(load.name in arm.logs for arm in measurement.arms)
        }

    def noise(self) -> tuple[float, bool]:
        """Return the threshold in ln(ratio), and whether the baseline equals its copy."""
        facts = layout().statistics
        threshold = log1p(facts.threshold)
        if not self._noise:
            return threshold, False
        copy = paired_shift(list(self._noise.values()))
        return max(threshold, abs(copy.estimate)), copy.p_beyond(threshold) > facts.alpha

    def shift(self, first: Configuration, second: Configuration) -> PairedShift | None:
        """Return the shift between two configurations on the goal."""
        differences = _difference(self._goal, first, second)
        return paired_shift(differences) if differences else None

    def by_workload(
        self, first: Configuration, second: Configuration, alpha: float
    ) -> dict[str, Effect]:
        """Return the effect on each workload that was measured."""
        found = {
            name: effect_of(_difference(values, first, second), alpha)
            for name, values in self._single.items()
        }
        return {name: effect for name, effect in found.items() if effect is not None}


def _difference(
    values: Mapping[Configuration, Values], first: Configuration, second: Configuration
) -> list[float]:
    return difference(values.get(first, {}), values.get(second, {}))
