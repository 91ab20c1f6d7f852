"""How long a stage takes, by what has been measured so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .facts import layout

if TYPE_CHECKING:
    from llamabuild.types.optimization import Optimization, StageRecord

ALWAYS = 2
"""Arms of every stage: the baseline and its copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of the parts of a stage."""

    trial: float
    check: float
    """Of one arm before its first trial."""

    @classmethod
    def expected(cls, record: Optimization) -> Self:
        """Return the figures that hold until something has been measured."""
        return cls(trial=record.trial_seconds, check=record.check_seconds)

    @classmethod
    def guessed(cls, model_bytes: int) -> Self:
        """Return what suits a model of that size."""
        facts, gigabytes = layout().estimate, model_bytes / 1e9
        return cls(
            trial=facts.trial_seconds + facts.trial_seconds_per_gigabyte * gigabytes,
            check=facts.check_seconds + facts.check_seconds_per_gigabyte * gigabytes,
        )

    def learned(self, stage: StageRecord, started: float, workloads: int, building: float) -> Costs:
        """Return what a stage teaches.

        Args:
            stage: The stage.
            started: What was spent when it began.
            workloads: How many it measured.
            building: What its builds were expected to take.
        """
        measurement = stage.measurement
        arms = sum(bool(arm.logs) for arm in measurement.arms) + ALWAYS
        blocks = measurement.blocks + layout().counts.warmup
        timed = measurement.trial_seconds * arms * workloads * blocks
        before = (stage.spent_seconds - started - building - timed) / arms
        # Building may have gone slower than expected, which says nothing about checks.
        check = before if not building else min(self.check, before)
        return Costs(trial=measurement.trial_seconds, check=max(0.0, check))

    def block(self, configurations: int, workloads: int) -> float:
        """Return the seconds of a block."""
        return self.trial * (configurations + ALWAYS) * workloads

    def ahead(self, configurations: int, workloads: int) -> float:
        """Return the seconds before the first block that counts, building left out."""
        warm = layout().counts.warmup * self.block(configurations, workloads)
        return self.check * (configurations + ALWAYS) + warm

    def stage(self, configurations: int, workloads: int, blocks: int) -> float:
        """Return the seconds of a whole stage, building left out."""
        block = self.block(configurations, workloads)
        return self.ahead(configurations, workloads) + blocks * block

    def blocks(self, seconds: float, configurations: int, workloads: int) -> int:
        """Return how many blocks fit into that time."""
        left = seconds - self.ahead(configurations, workloads)
        return max(0, int(left / self.block(configurations, workloads)))
