"""What ``kernels`` tells while it works; an observer that overrides nothing is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import Clock, KernelResult, KernelRun, Probe


class KernelObserver:
    """Events in the order in which they happen."""

    def note(self, message: str) -> None:
        """One line about what goes on."""

    def started(self, run: KernelRun, probes: int, groups: int, seconds: float) -> None:
        """All is planned: so many probes and groups of kernels, expected to take so long."""

    def clock(self, clock: Clock) -> None:
        """The clock is calibrated."""

    def probe(self, probe: Probe, number: int, total: int) -> None:
        """A probe is measured; ``number`` counts from 1."""

    def group_started(self, title: str, number: int, total: int, left_seconds: float) -> None:
        """A group of kernels begins; what is left is expected to take so long."""

    def group(self, rows: Sequence[KernelResult]) -> None:
        """A group of kernels is measured and stored."""

    def stopping(self) -> None:
        """The first Ctrl-C was heard."""

    def finished(self, run: KernelRun) -> None:
        """The run is stored with its final status."""
