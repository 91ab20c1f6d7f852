"""Which blocks count, and the throughput of each trial in them."""

from __future__ import annotations

from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from llamabuild.types.run import NOISE_ARM, is_given_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.types.run import Run, Trial

Cell = tuple[str, str]
"""Arm and workload."""

Throughputs = dict[Cell, dict[int, float]]
"""Tokens per second of each usable trial, by cell and block."""


def counted_blocks(run: Run, trials: Iterable[Trial]) -> tuple[int, ...]:
    """Return the blocks that count, ascending: no warm-up, none discarded, none under way."""
    found = tuple(trials)
    blocks = {trial.block for trial in found}
    left_out = {item.block for item in run.discarded}
    if blocks and not _complete(run, found, max(blocks)):
        left_out.add(max(blocks))
    first = run.schedule.warmup_blocks
    return tuple(sorted(block for block in blocks if block >= first and block not in left_out))


def throughputs(trials: Iterable[Trial], blocks: Sequence[int]) -> Throughputs:
    """Return the throughput of every usable trial in ``blocks``; the first of a cell counts.

    A trial's value is the median of its samples.
    """
    counted = frozenset(blocks)
    found: Throughputs = {}
    for trial in trials:
        if trial.block in counted and _usable(trial):
            seconds = median(trial.samples_ns) / 1e9
            cell = found.setdefault((trial.arm, trial.workload), {})
            cell.setdefault(trial.block, trial.tokens / seconds)
    return found


def _usable(trial: Trial) -> bool:
    samples = trial.samples_ns
    return trial.status == "ok" and bool(samples) and min(samples) > 0 and trial.tokens > 0


def _complete(run: Run, trials: Sequence[Trial], newest: int) -> bool:
    """Whether nothing is outstanding in the newest block; earlier ones are complete by order.

    An arm that failed so often that the run gave it up is not awaited.
    """
    statuses: dict[Cell, list[str]] = {}
    for trial in trials:
        statuses.setdefault((trial.arm, trial.workload), []).append(trial.status)
    done = {(trial.arm, trial.workload) for trial in trials if trial.block == newest}
    arms = {arm.name for arm in run.arms if arm.status == "ready"} | {NOISE_ARM}
    return all(
        cell in done or is_given_up(statuses.get(cell, ()))
        for cell in product(arms, (load.name for load in run.workloads))
    )
