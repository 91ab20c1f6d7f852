"""What each build cost: seconds on the clock and on the CPUs, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    DATA,
    EDGE,
    SMALL,
    fitting,
    label,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.material import Material

ROW, HEAD, FOOT, LEFT, GAP, RIGHT = 0.36, 0.36, 0.1, 1.55, 1.25, 0.75
BAR = 0.3


def draw_cost(material: Material) -> Figure | None:
    """Draw build time and size; None without builds."""
    built = [variant for variant in material.document.variants if variant.build is not None]
    if not built:
        return None
    total = HEAD + FOOT + ROW * len(built)
    figure = new_figure(total)
    room = figure.get_size_inches()[0] - LEFT - GAP - RIGHT
    widths = (room * 0.62, room * 0.38)
    time = panel(figure, LEFT, FOOT, widths[0], ROW * len(built))
    size = panel(figure, LEFT + widths[0] + GAP, FOOT, widths[1], ROW * len(built))
    for row, variant in enumerate(built):
        cost = variant.build
        if cost is None:
            continue
        label(time, fitting(variant.name, 20), (0, row), offset=(EDGE - LEFT * 72, 0))
        wall, cpu = numbers.seconds(cost.seconds), numbers.seconds(cost.cpu_seconds)
        _bar(time, row - 0.17, cost.seconds, "ramp4", f"{wall} wall")
        _bar(time, row + 0.17, cost.cpu_seconds, "ramp2", f"{cpu} CPU")
        _bar(size, row, cost.bytes, "ramp4", numbers.size(cost.bytes))
    for axes, title in ((time, "build time"), (size, "size of all files")):
        axes.set_xlim(left=0)
        axes.set_ylim(len(built) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks([])
        label(axes, title, (0, 1), coords=ABOVE, offset=(0, 12), role="muted", size=SMALL)
    return figure


def _bar(axes: Axes, place: float, value: float, role: str, text: str) -> None:
    axes.barh([place], [value], height=BAR, color=light(role), linewidth=0)
    offset = (5, 0)
    label(axes, text, (value, place), coords=DATA, offset=offset, role="muted", size=SMALL - 0.5)
