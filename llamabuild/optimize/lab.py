"""What the search asks of the world; a real machine and a simulated one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llamabuild.types.optimization import Configuration, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A measurement that is wanted."""

    stage: str
    """Unique in its optimization."""
    configurations: tuple[Configuration, ...]
    """Besides the baseline and its copy."""
    kinds: tuple[str, ...]
    """Kinds of workloads."""
    least: int
    """Blocks that are measured in any case."""
    most: int
    seconds: float
    """After so many no further block begins, once there are ``least``."""
    hard_seconds: float
    """After so many no further block begins, however few there are."""
    seed: int


class Lab(Protocol):
    """Where configurations are built and measured."""

    def refusal(self, configuration: Configuration) -> str:
        """Return why a configuration cannot be had here; empty if it can."""

    def identity(self, configuration: Configuration) -> str:
        """Return what two configurations have in common that cannot differ."""

    def build_seconds(self, configuration: Configuration) -> float:
        """Return how long its build is expected to take; 0 when it is there."""

    def measure(self, order: Order) -> Measurement:
        """Build what is missing and measure; a stored measurement of that stage goes on.

        Raises:
            Interrupted: Someone asked to stop; what was measured is stored.
            LlamabuildError: The baseline cannot be built or run.
        """

    def clock(self) -> float:
        """Return seconds since some fixed moment."""
