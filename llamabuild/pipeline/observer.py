"""What the main job tells while it works; an observer that overrides nothing is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.build import BuildEstimate
    from llamabuild.types.comparison import ComparisonSet
    from llamabuild.types.lab import LabPart
    from llamabuild.types.optimization import Optimization
    from llamabuild.types.run import Arm, Run, Trial


class Observer:
    """Events in the order in which they happen."""

    def note(self, message: str) -> None:
        """One line about what goes on."""

    def planned(self, estimates: Sequence[BuildEstimate]) -> None:
        """All builds are planned."""

    def build_started(self, number: int, total: int, estimate: BuildEstimate) -> None:
        """A build that is not in the store begins; ``number`` counts from 1."""

    def build_step(self, done: int, total: int) -> None:
        """The compiler finished a step."""

    def build_finished(self, arm: Arm) -> None:
        """A build is there, or failed."""

    def inspected(self, arm: Arm) -> None:
        """An arm's machine code was read."""

    def checked(self, arm: Arm) -> None:
        """An arm's output was compared with the baseline's."""

    def measuring(self, run: Run, stored: int) -> None:
        """Trials begin; ``stored`` of them are there from before."""

    def trial(self, trial: Trial, number: int, total: int) -> None:
        """A trial is stored; ``number`` of ``total`` in its block."""

    def block(self, comparisons: ComparisonSet, block: int, discarded: str) -> None:
        """A block is complete; ``discarded`` says why it does not count, if so."""

    def stage(self, record: Optimization) -> None:
        """A stage of an optimization is complete, or, when it has none, the first begins."""

    def part_started(self, title: str, number: int, total: int, seconds: float) -> None:
        """A part of a lab begins, ``number`` of ``total``, and may take so many seconds."""

    def part_finished(self, title: str, part: LabPart, left_seconds: float) -> None:
        """It is over; so much of the budget is left."""

    def stopping(self) -> None:
        """The first Ctrl-C was heard."""

    def finished(self, run: Run) -> None:
        """The run is stored with its final status."""
