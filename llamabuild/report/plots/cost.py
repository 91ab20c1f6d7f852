"""What each build cost: seconds on the clock, parted by stage, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    DATA,
    EDGE,
    SMALL,
    label,
    name_column,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.cost_document import CostRow
    from llamabuild.report.material import Material

ROW, HEAD, FOOT, GAP, RIGHT = 0.24, 0.36, 0.36, 1.6, 0.75
BAR = 0.7
PROFILE, OTHER = "profile", "other stages"
ROLES = {
    "configure": "series4",
    "compile": "series0",
    PROFILE: "series1",
    "bolt": "series3",
    OTHER: "series2",
    "not recorded": "ramp3",
}
"""Stage to colour, in the order of the legend."""


def draw_cost(material: Material) -> Figure | None:
    """Draw build time and size, a row for each different build; None without builds."""
    document = material.document
    rows = [row for row in document.cost.rows if row.build and not row.shares and not row.why_none]
    if not rows:
        return None
    bytes_of = {v.build.id: v.build.bytes for v in document.variants if v.build is not None}
    left, fit = name_column(row.variant for row in rows)
    total = HEAD + FOOT + ROW * len(rows)
    figure = new_figure(total)
    room = figure.get_size_inches()[0] - left - GAP - RIGHT
    widths = (room * 0.68, room * 0.32)
    time = panel(figure, left, FOOT, widths[0], ROW * len(rows))
    size = panel(figure, left + widths[0] + GAP, FOOT, widths[1], ROW * len(rows))
    stages: set[str] = set()
    for place, row in enumerate(rows):
        label(time, fit(row.variant), (0, place), offset=(EDGE - left * 72, 0), size=SMALL)
        stages |= _stacked(time, place, row)
        _number(time, place, row.seconds, _words(row))
        size.barh([place], [bytes_of[row.build]], BAR, color=light("ramp4"), linewidth=0)
        _number(size, place, bytes_of[row.build], numbers.size(bytes_of[row.build]))
    for axes, title in ((time, "build time"), (size, "size of all files")):
        axes.set_xlim(left=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks([])
        label(axes, title, (0, 1), coords=ABOVE, offset=(0, 12), role="muted", size=SMALL)
    _legend(panel(figure, left, 0.04, room + GAP, 0.2), [s for s in ROLES if s in stages])
    return figure


def part_of(stage: str) -> str:
    """Return the entry of the legend under which a stage is shown."""
    if PROFILE in stage:
        return PROFILE
    return stage if stage in ROLES else OTHER


def _stacked(axes: Axes, place: int, row: CostRow) -> set[str]:
    parts: dict[str, float] = {}
    for stage in row.stages:
        part = part_of(stage.name)
        parts[part] = parts.get(part, 0.0) + stage.seconds
    missing = row.seconds - sum(parts.values())
    if missing > 0.01 * row.seconds:  # rounding of clocks is no stage
        parts["not recorded"] = missing
    start = 0.0
    for part in sorted(parts, key=list(ROLES).index):
        axes.barh([place], [parts[part]], BAR, start, color=light(ROLES[part]), linewidth=0)
        start += parts[part]
    return set(parts)


def _words(row: CostRow) -> str:
    return f"{numbers.seconds(row.seconds)}, {numbers.seconds(row.cpu_seconds)} CPU"


def _number(axes: Axes, place: int, value: float, text: str) -> None:
    offset = (5, 0)
    label(axes, text, (value, place), coords=DATA, offset=offset, role="muted", size=SMALL - 0.5)


def _legend(axes: Axes, stages: list[str]) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to load

    axes.set_xlim(0, len(ROLES))
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    for place, stage in enumerate(stages):
        axes.add_patch(Rectangle((place, 0.2), 0.1, 0.6, color=light(ROLES[stage]), linewidth=0))
        label(axes, stage, (place + 0.16, 0.5), coords=DATA, role="muted", size=SMALL)
