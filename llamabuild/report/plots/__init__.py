"""The pictures of a report, in the order in which they are shown.

To add one: a file with a function from material to figure, and an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report.plots.cost import draw_cost
from llamabuild.report.plots.figure import look
from llamabuild.report.plots.forest import draw_forest
from llamabuild.report.plots.isa import draw_isa
from llamabuild.report.plots.timeline import draw_timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from llamabuild.report.material import Material


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture."""

    name: str
    """File name without its ending."""
    title: str
    """What it shows, for people who do not see it."""
    draw: Callable[[Material], Figure | None]
    """None when the run has nothing to show."""

    def figure(self, material: Material) -> Figure | None:
        """Return the drawn figure."""
        with look():
            return self.draw(material)


FOREST = Plot("ratios", "Speed of each build relative to the baseline, with intervals", draw_forest)
TIMELINE = Plot("trials", "Every trial over time, relative to the baseline", draw_timeline)
ISA = Plot("isa", "Newest SIMD instruction group in each kernel of each build", draw_isa)
COST = Plot("build-cost", "Build time and size of each build", draw_cost)
PLOTS = (FOREST, ISA, COST, TIMELINE)
