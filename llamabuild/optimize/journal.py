"""The record while it grows: a stage that it has is not measured again.

Every decision follows from the record, so that going on after a stop means to decide everything
once more, with stored figures as far as they reach. Time is part of it: decisions see what was
spent at the end of the stage before, not the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.types.optimization import StageRecord

from .estimate import Costs
from .facts import layout
from .lab import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.types.optimization import Configuration, Measurement, Optimization

    from .lab import Lab

SEED_STEP = 7919
"""Between the seeds of two stages; a prime, so that none of the blocks' orders come again."""


class Journal:
    """Hands out stages, stored ones first.

    Args:
        record: As far as it goes.
        lab: Measures what is not there yet.
        save: Is given the record whenever it has grown.
    """

    def __init__(
        self, record: Optimization, lab: Lab, save: Callable[[Optimization], None]
    ) -> None:
        self.record = record
        self.lab = lab
        self._save = save
        self._done = 0
        self._before = record.spent_seconds
        self._began = lab.clock()
        self.costs = Costs.expected(record)
        self._built = set[str]()

    @property
    def weights(self) -> dict[str, float]:
        """Of the goal, by kind of workload."""
        return layout().goals[self.record.goal]

    def spent(self) -> float:
        """Return what was spent at the end of the last stage, in seconds."""
        return self.record.stages[self._done - 1].spent_seconds if self._done else 0.0

    def now(self) -> float:
        """Return what is spent at this moment, all sessions together."""
        return self._before + self.lab.clock() - self._began

    def build_key(self, configuration: Configuration) -> str:
        """Return the parts that make a build, joined; empty for the baseline's."""
        parts = {part for lever in self.record.levers if lever.builds for part in lever.choices}
        return "+".join(part for part in configuration if part in parts)

    def build_seconds(self, configurations: Sequence[Configuration]) -> float:
        """Return the expected time of all builds that no stage has made; asked once for each.

        The answer is kept, because it changes once a build is there.
        """
        keys = {self.build_key(each): each for each in configurations}
        known = dict(self.record.build_seconds)
        for key, configuration in keys.items():
            if key not in self._built and key not in known:
                known[key] = self.lab.build_seconds(tuple(self._of_builds(configuration)))
        if known != self.record.build_seconds:
            self.update(build_seconds=known)
        return sum(known[key] for key in keys if key not in self._built)

    def measure(
        self,
        name: str,
        configurations: Sequence[Configuration],
        *,
        kinds: Sequence[str],
        blocks: tuple[int, int],
        until: float,
        changes: tuple[Configuration, ...] = (),
    ) -> Measurement:
        """Return a stage's figures.

        Args:
            name: Of the stage, unique.
            configurations: Besides the baseline.
            kinds: Of workloads.
            blocks: Least and most.
            until: Seconds of the budget after which no block begins once there are enough.
            changes: Of a confirmation, to be kept with it.

        Raises:
            BadInput: The record was made by a version that decides otherwise.
            LlamabuildError: As :meth:`Lab.measure`.
        """
        started = self.spent()
        building = self.build_seconds(configurations)
        if self._done == len(self.record.stages):
            # Part of this stage may have been done, and its time spent, before a stop.
            already = max(0.0, self._before - started)
            begun = started + already
            measurement = self.lab.measure(
                Order(
                    stage=name,
                    configurations=tuple(configurations),
                    kinds=tuple(kinds),
                    least=blocks[0],
                    most=max(blocks),
                    seconds=until - begun,
                    hard_seconds=self._hard(until) - begun,
                    seed=(self.record.seed + SEED_STEP * self._done) % 2**32,
                )
            )
            stage = StageRecord(
                name=name, measurement=measurement, spent_seconds=self.now(), changes=changes
            )
            self.update(stages=(*self.record.stages, stage), spent_seconds=stage.spent_seconds)
            self._before, self._began = stage.spent_seconds, self.lab.clock()
        stage = self.record.stages[self._done]
        found = {arm.configuration for arm in stage.measurement.arms}
        if stage.name != name or found != set(configurations):
            message = (
                f"optimization {self.record.id} was begun by a version that searches otherwise"
            )
            raise BadInput(message, "begin a new one; its builds are in the store")
        self._done += 1
        workloads = sum(load.kind in kinds for load in self.record.workloads)
        self.costs = self.costs.learned(stage, started, workloads, building)
        self._built |= {self.build_key(each) for each in configurations}
        return stage.measurement

    def _hard(self, until: float) -> float:
        """Builds may have taken longer than expected: then a stage has all but the reserve."""
        budget, shares = self.record.budget_seconds, layout().shares
        return max(until, (1 - shares.confirm) * budget) + shares.grace * budget

    def update(self, **changes: object) -> None:
        """Change the record and save it."""
        self.record = msgspec.structs.replace(self.record, **changes)
        self._save(self.record)

    def _of_builds(self, configuration: Configuration) -> list[str]:
        wanted = self.build_key(configuration).split("+")
        return [part for part in configuration if part in wanted]
