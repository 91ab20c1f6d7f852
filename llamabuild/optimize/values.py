"""What a goal makes of the figures of a stage: one value per block and configuration.

A value is ln(throughput / the baseline's), weighted over the kinds of workloads; those of two
configurations in one block can be subtracted, because both refer to the same trial.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from llamabuild.stats import paired_shift
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.stats import PairedShift
    from llamabuild.types.optimization import Configuration, Measurement
    from llamabuild.types.run import Workload

Values = dict[int, float]
"""By block, counted from 0; blocks that lack a trial are not there."""


class Effect(Data, frozen=True, kw_only=True):
    """A ratio of throughputs, above 1 faster, with its interval."""

    ratio: float
    low: float | None
    """None, like ``high``, when there are too few blocks for the level."""
    high: float | None
    level: float
    """Of the interval."""
    blocks: int


def values_of(
    logs: Mapping[str, Sequence[float | None]],
    weights: Mapping[str, float],
    workloads: Sequence[Workload],
) -> Values:
    """Return the goal's value in each block that has a trial of every workload that it weighs.

    Several workloads of one kind share its weight.
    """
    kinds = {load.name: load.kind for load in workloads}
    weighed = [name for name in logs if weights.get(kinds.get(name, ""))]
    shared = [kinds[name] for name in weighed]
    shares = {name: weights[kinds[name]] / shared.count(kinds[name]) for name in weighed}
    blocks = max((len(logs[name]) for name in weighed), default=0)
    found: Values = {}
    for block in range(blocks):
        each = [(shares[name], logs[name][block]) for name in weighed]
        known = [(share, value) for share, value in each if value is not None]
        if len(known) == len(weighed):
            found[block] = sum(share * value for share, value in known)
    return found


def by_configuration(
    measurement: Measurement, weights: Mapping[str, float], workloads: Sequence[Workload]
) -> dict[Configuration, Values]:
    """Return the values of every configuration of a stage that has any, the baseline's 0."""
    found: dict[Configuration, Values] = {(): dict.fromkeys(range(measurement.blocks), 0.0)}
    for arm in measurement.arms:
        if values := values_of(arm.logs, weights, workloads):
            found[arm.configuration] = values
    return found


def difference(first: Values, second: Values) -> list[float]:
    """Return the first minus the second in the blocks that both have, in their order."""
    return [first[block] - second[block] for block in sorted(first.keys() & second.keys())]


def effect_of(differences: Sequence[float], alpha: float) -> Effect | None:
    """Return the effect at level ``1 - alpha``; None without a single block."""
    return effect_of_shift(paired_shift(differences), alpha) if differences else None


def effect_of_shift(shift: PairedShift, alpha: float) -> Effect:
    """Return the effect that a shift of logarithms is."""
    interval = shift.interval(alpha)
    return Effect(
        ratio=exp(shift.estimate),
        low=exp(interval.low) if interval.bounded else None,
        high=exp(interval.high) if interval.bounded else None,
        level=interval.level,
        blocks=shift.pairs,
    )
