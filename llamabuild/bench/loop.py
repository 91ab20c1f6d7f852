"""Blocks of trials, until the comparison may stop; every trial is stored before the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from llamabuild.types.run import INTERRUPTED_BLOCK, NOISE_ARM, DiscardedBlock, is_given_up

from .noise import disturbance
from .prompts import Inputs
from .schedule import block_order
from .task import Task
from .trial import run_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from llamabuild.store.results import Results
    from llamabuild.types.run import Run, Trial, Workload
    from llamabuild.types.variant import Runtime

FIRST_TIMEOUT_SECONDS = 900.0
MIN_TIMEOUT_SECONDS = 60.0
TIMEOUT_FACTOR = 100.0
"""A build without SIMD is about 40 times slower; beyond 100 times the baseline it hangs."""
DEPTH = "-d"
"""llama-bench's option for tokens that are in the context before."""
SPARE_BLOCKS = 0.5
"""Discarded blocks are made up for, up to this share of the planned ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """What can be run: program, settings and model of each arm, A′ left out."""

    programs: Mapping[str, Path]
    runtimes: Mapping[str, Runtime]
    models: Mapping[str, Path]
    inputs: Inputs = field(default_factory=Inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who is told what happens, and who decides when it is enough."""

    may_stop: Callable[[Sequence[Trial], Sequence[DiscardedBlock]], bool]
    on_trial: Callable[[Trial, int, int], None] = lambda *_: None
    """The trial, its number in the block from 1, and the trials of a block."""
    on_block: Callable[[Sequence[Trial], Sequence[DiscardedBlock], int], None] = lambda *_: None
    """All trials and discarded blocks so far, and the number of the finished block."""
    stop_requested: Callable[[], bool] = lambda: False


def measure(run: Run, arms: Arms, results: Results, watcher: Watcher) -> bool:
    """Run blocks until the watcher may stop; True when it is complete, False when stopped.

    Goes on after the last block of which the store has trials: same seed, same order. If that
    block is not complete, it is left as it is and does not count: its pairs would lie as far
    apart in time as the run lay still.
    """
    loop = _Loop(run, arms, results, watcher)
    loop.discard_cut_short()
    planned = run.schedule.warmup_blocks + run.schedule.looks[-1]
    for block in count():
        if block >= planned + int(SPARE_BLOCKS * planned) + len(loop.cut_short()):
            break
        if not loop.run_block(block):
            return False
        if block >= run.schedule.warmup_blocks:
            loop.judge_block(block)
        # A resumed run already holds trials of later blocks: they have no say here.
        until_here = [trial for trial in loop.trials if trial.block <= block]
        watcher.on_block(until_here, loop.discarded, block)
        if watcher.may_stop(until_here, loop.discarded):
            break
    return True


class _Loop:
    """What is stored of a run, kept alongside while it grows."""

    def __init__(self, run: Run, arms: Arms, results: Results, watcher: Watcher) -> None:
        self.run = run
        self.arms = arms
        self.results = results
        self.watcher = watcher
        self.trials = list(results.trials(run.id))
        self.discarded = list(run.discarded)
        self.done = {(t.block, t.arm, t.workload) for t in self.trials}

    def discard_cut_short(self) -> None:
        """Discard the newest stored block if it is not complete; a warm-up block may go on."""
        newest = max((trial.block for trial in self.trials), default=0)
        if newest < self.run.schedule.warmup_blocks or newest in self.cut_short():
            return
        if any(self.outstanding(newest, *cell) for cell in self.order(newest)):
            self.discard(newest, INTERRUPTED_BLOCK)

    def cut_short(self) -> frozenset[int]:
        """Return the blocks that a stop left incomplete."""
        return frozenset(g.block for g in self.discarded if g.reason == INTERRUPTED_BLOCK)

    def order(self, block: int) -> list[tuple[str, str]]:
        """Return arms and workloads of a block in their order."""
        workloads = [workload.name for workload in self.run.workloads]
        return block_order(
            self.run.schedule.seed, block, [*self.arms.programs, NOISE_ARM], workloads
        )

    def outstanding(self, block: int, arm: str, workload: str) -> bool:
        """Whether a trial is still to be run."""
        return (block, arm, workload) not in self.done and not self.dropped(arm, workload)

    def run_block(self, block: int) -> bool:
        """Run what is missing of a block; False when asked to stop."""
        if block in self.cut_short():
            return True
        workloads = {workload.name: workload for workload in self.run.workloads}
        order = self.order(block)
        for position, (arm, workload) in enumerate(order):
            if not self.outstanding(block, arm, workload):
                continue
            if self.watcher.stop_requested():
                return False
            source = self.run.baseline if arm == NOISE_ARM else arm
            trial = run_trial(
                self.arms.programs[source],
                Task(
                    model=self.arms.models[source],
                    workload=workloads[workload],
                    repetitions=self.repetitions(block, source, workloads[workload]),
                    threads=self.run.threads,
                    prompt=self.arms.inputs.prompts.get(workload),
                    prefix=self.arms.inputs.prefixes.get((source, workload)),
                    draft=self.arms.inputs.draft,
                ),
                self.arms.runtimes[source],
                arm=arm,
                block=block,
                position=position,
                timeout_seconds=self.timeout(source, workload),
            )
            self.results.add_trial(self.run.id, trial)
            self.trials.append(trial)
            self.done.add((block, arm, workload))
            self.watcher.on_trial(trial, position + 1, len(order))
        return True

    def repetitions(self, block: int, arm: str, workload: Workload) -> int:
        """How often an arm repeats, by its samples of the warm-up blocks; A′ like the baseline."""
        samples = [
            sample
            for trial in self.trials
            if trial.block < self.run.schedule.warmup_blocks
            and (trial.arm, trial.workload) == (arm, workload.name)
            for sample in trial.samples_ns
        ]
        if not samples or block < self.run.schedule.warmup_blocks:
            return 1
        wanted = round(workload.seconds * 1e9 / median(samples))
        return min(max(wanted, 1), workload.max_repetitions)

    def judge_block(self, block: int) -> None:
        """Discard a block if the machine was disturbed; the same answer after a resume."""
        if any(gone.block == block for gone in self.discarded):
            return
        trials = [trial for trial in self.trials if trial.block == block]
        machine = self.run.machine
        quota = machine.quota_cpus if self.run.sweep else None
        reason = disturbance(trials, machine.cpu.logical_cpus, quota)
        if reason:
            self.discard(block, reason)

    def discard(self, block: int, reason: str) -> None:
        """Leave a block out of the comparison, in the store as well; its trials stay."""
        gone = DiscardedBlock(block=block, reason=reason)
        self.results.discard_block(self.run.id, gone)
        self.discarded.append(gone)

    def dropped(self, arm: str, workload: str) -> bool:
        """An arm that failed several times in a row is not asked for ever."""
        return is_given_up(
            [t.status for t in self.trials if (t.arm, t.workload) == (arm, workload)]
        )

    def timeout(self, arm: str, workload: str) -> float:
        """Seconds after which a trial hangs, judged by how long the baseline takes.

        An arm that fills its context before the clock starts may take far longer.
        """
        walls = [
            trial.state.wall_seconds
            for trial in self.trials
            if trial.state is not None
            and trial.status == "ok"
            and trial.workload == workload
            and trial.arm in {self.run.baseline, NOISE_ARM}
        ]
        if not walls or DEPTH in self.arms.runtimes[arm].bench:
            return FIRST_TIMEOUT_SECONDS
        return max(MIN_TIMEOUT_SECONDS, TIMEOUT_FACTOR * max(walls))
