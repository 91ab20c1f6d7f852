"""Which blocks count, and the throughput of each trial in them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from llamabuild.types.run import INTERRUPTED_BLOCK, NOISE_ARM, is_given_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from llamabuild.types.run import Run, Trial

Cell = tuple[str, str]
"""Arm and workload."""

Throughputs = dict[Cell, dict[int, float]]
"""Tokens per second of each usable trial, by cell and block."""


def counted_blocks(run: Run, trials: Iterable[Trial]) -> tuple[int, ...]:
    """Return the blocks that count, ascending: no warm-up, none discarded, none under way."""
    cells: dict[int, set[Cell]] = {}
    statuses: dict[Cell, list[str]] = {}
    for trial in trials:
        cell = (trial.arm, trial.workload)
        cells.setdefault(trial.block, set()).add(cell)
        statuses.setdefault(cell, []).append(trial.status)
    left_out = {item.block for item in run.discarded}
    given_up = {cell for cell, found in statuses.items() if is_given_up(found)}
    if cells and not _complete(run, cells, max(cells), given_up):
        left_out.add(max(cells))
    first = run.schedule.warmup_blocks
    return tuple(sorted(block for block in cells if block >= first and block not in left_out))


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


def _complete(
    run: Run, cells: dict[int, set[Cell]], newest: int, given_up: AbstractSet[Cell]
) -> bool:
    """Whether nothing is outstanding in the newest block; earlier ones are complete by order.

    What is outstanding follows from the block before it, so that an arm that the run gave up
    does not keep every later block open; one that a stop cut short says nothing about that. In
    the first block without such an arm, only its failures tell that it is not awaited.
    """
    cut_short = {gone.block for gone in run.discarded if gone.reason == INTERRUPTED_BLOCK}
    arms = {arm.name for arm in run.arms if arm.status == "ready"} | {NOISE_ARM}
    expected: AbstractSet[Cell] = {(arm, load.name) for arm in arms for load in run.workloads}
    before = [block for block in cells if block < newest and block not in cut_short]
    if before:
        expected &= cells[max(before)]
    return expected - given_up <= cells[newest]
