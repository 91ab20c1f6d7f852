"""What a picture of a report is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from llamabuild.report.plots.figure import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

M = TypeVar("M")
"""What the report is made from: ``Material`` or ``KernelMaterial``."""


@dataclass(frozen=True, slots=True)
class Plot(Generic[M]):
    """One picture."""

    name: str
    """File name without its ending."""
    title: str
    """What it shows, for people who do not see it."""
    draw: Callable[[M], Figure | None]
    """None when the run has nothing to show."""

    def figure(self, material: M) -> Figure | None:
        """Return the drawn figure."""
        with look():
            return self.draw(material)
