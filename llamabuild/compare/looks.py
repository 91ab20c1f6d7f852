"""The comparison of a run at its planned looks, and whether it may stop there."""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING

from llamabuild.stats import holm
from llamabuild.types.comparison import NO_DIFFERENCE, ComparisonSet
from llamabuild.types.run import NOISE_ARM

from .blocks import counted_blocks, throughputs
from .noise import noise_of
from .pairs import baseline_itself, compared, not_measured, pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.comparison import Comparison
    from llamabuild.types.run import Run, Schedule, Trial

    from .blocks import Cell
    from .pairs import Paired


def compare_run(run: Run, trials: Sequence[Trial]) -> ComparisonSet:
    """Compare every arm with the baseline on every workload, after whatever blocks there are.

    Uses the alpha of the last look whose number of blocks is reached, the first look's before
    that. Between looks the result is for watching: only at a look does it carry the promise.
    """
    blocks = counted_blocks(run, trials)
    look = _look(run.schedule, len(blocks))
    alpha = run.schedule.alphas[look]
    found = throughputs(trials, blocks)
    noise = tuple(
        noise_of(found, run.baseline, load, threshold=run.schedule.threshold, alpha=alpha)
        for load in run.workloads
    )
    arms = tuple(arm.name for arm in run.arms if arm.name != NOISE_ARM)
    family = tuple(
        paired
        for arm in arms
        for load in run.workloads
        if arm != run.baseline and (paired := pair(found, arm, run.baseline, load))
    )
    judged = _judge(family, {item.workload: log1p(item.threshold) for item in noise}, alpha)
    comparisons = tuple(
        baseline_itself(found, arm, load)
        if arm == run.baseline
        else judged.get((arm, load.name)) or not_measured(arm, load)
        for arm in arms
        for load in run.workloads
    )
    return ComparisonSet(
        blocks=len(blocks),
        look=look,
        alpha=alpha,
        at_look=len(blocks) in run.schedule.looks,
        decided=all(item.verdict != NO_DIFFERENCE for item in comparisons),
        noise=noise,
        comparisons=comparisons,
    )


def may_stop(run: Run, trials: Sequence[Trial]) -> bool:
    """Whether the plan allows to end the run now.

    It does at a look that decides every comparison, and at the last look in any case.
    """
    blocks = len(counted_blocks(run, trials))
    looks = run.schedule.looks
    if blocks >= looks[-1]:
        return True
    return blocks in looks and compare_run(run, trials).decided


def _look(schedule: Schedule, blocks: int) -> int:
    return max(sum(blocks >= look for look in schedule.looks) - 1, 0)


def _judge(
    family: Sequence[Paired], deltas: Mapping[str, float], alpha: float
) -> dict[Cell, Comparison]:
    """Holm over the family; each comparison is shown at the level of the step that decided it."""
    steps = holm([item.shift.p_beyond(deltas[item.workload.name]) for item in family], alpha)
    return {
        (item.arm, item.workload.name): compared(
            item, alpha=step.alpha, p_value=step.adjusted, delta=deltas[item.workload.name]
        )
        for item, step in zip(family, steps, strict=True)
    }
