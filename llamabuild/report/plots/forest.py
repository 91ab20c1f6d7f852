"""Ratios with their intervals, one panel a workload, the threshold as a band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import VERDICT_ROLE, light
from llamabuild.report.plots.figure import (
    ABOVE,
    EDGE,
    NORMAL,
    SMALL,
    fitting,
    label,
    name_column,
    new_figure,
    panel,
)
from llamabuild.types.comparison import BASELINE, EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.document import WorkloadResult
    from llamabuild.report.material import Material

ROW, HEAD, FOOT, GAP, RIGHT = 0.27, 0.34, 0.32, 0.22, 1.9
TIGHT, MANY = 0.215, 16
"""Height of a row when there are that many."""
NEAR = (0.75, 4.0)
"""Ratios outside get an arrow and their number, so that the others stay readable."""
MARKERS = {FASTER: "^", SLOWER: "v", EQUIVALENT: "s", NO_DIFFERENCE: "o", BASELINE: "D"}
Row = tuple[str, "WorkloadResult"]


def draw_forest(material: Material) -> Figure | None:
    """Draw the forest plot; None when nothing was compared."""
    document = material.document
    panels: list[tuple[str, float, list[Row]]] = []
    for place, workload in enumerate(document.run.workloads):
        rows = [
            (variant.name, variant.workloads[place])
            for variant in document.variants
            if variant.workloads[place].ratio
        ]
        rows.sort(key=lambda row: -(row[1].ratio or 0.0))
        thresholds = [item.threshold for item in document.noise if item.workload == workload.name]
        threshold = max([document.run.schedule.threshold, *thresholds])
        if any(result.verdict != BASELINE for _, result in rows):
            panels.append((workload.name, threshold, rows))
    if not panels:
        return None
    heights = [(ROW if len(rows) < MANY else TIGHT) * len(rows) for _, _, rows in panels]
    left, fit = name_column(name for _, _, rows in panels for name, _ in rows)
    total = sum(heights) + len(panels) * (HEAD + FOOT) + GAP * (len(panels) - 1)
    figure = new_figure(total)
    width = figure.get_size_inches()[0] - left - RIGHT
    top = total
    for (name, threshold, rows), height in zip(panels, heights, strict=True):
        axes = panel(figure, left, top - HEAD - height, width, height)
        _draw_panel(axes, threshold, rows)
        label(
            axes, fitting(name, 20), (0, 1), coords=ABOVE, offset=(EDGE - left * 72, 13),
            size=NORMAL + 1, bold=True,
        )  # fmt: skip
        for place, (variant, _) in enumerate(rows):
            label(axes, fit(variant), (0, place), offset=(EDGE - left * 72, 0))
        top -= HEAD + height + FOOT + GAP
    return figure


def _draw_panel(axes: Axes, threshold: float, rows: list[Row]) -> None:
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - slow to load

    low, high = limits([result for _, result in rows], threshold)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvspan(1 / (1 + threshold), 1 + threshold, color=light("band"), linewidth=0, zorder=0)
    axes.axvline(1, color=light("muted"), linewidth=0.8, zorder=1)
    places = range(len(rows))
    axes.hlines(places, low, high, color=light("line"), linewidth=0.5, zorder=0)
    for place, (_, result) in enumerate(rows):
        _draw_row(axes, place, result, (low, high))
        _label_row(axes, place, result)
    ticks = _ticks(low, high)
    axes.set_xticks(ticks, labels=[f"{tick:.4g}×" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="x", color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    title = f"ratio of {rows[0][1].unit} to the baseline"
    label(axes, title, (0, 1), coords=ABOVE, offset=(0, 13), role="muted", size=SMALL)


def _draw_row(axes: Axes, place: int, result: WorkloadResult, limits: tuple[float, float]) -> None:
    low, high = limits
    ratio = result.ratio or 1.0
    colour = light(VERDICT_ROLE.get(result.verdict, "muted"))
    if not low <= ratio <= high:
        edge, direction = (low, 1) if ratio < low else (high, -1)
        axes.annotate(
            "", (edge, place), xytext=(direction * 26, 0), textcoords="offset points",
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 2.2},
        )  # fmt: skip
        return
    if result.low and result.high:
        ends = (max(low, result.low), min(high, result.high))
        axes.plot(ends, (place, place), color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot(
        [ratio], [place], MARKERS.get(result.verdict, "o"), markersize=6, color=colour,
        markerfacecolor=light("panel") if result.verdict == NO_DIFFERENCE else colour,
        markeredgewidth=1.4,
    )  # fmt: skip


def _label_row(axes: Axes, place: int, result: WorkloadResult) -> None:
    role = VERDICT_ROLE.get(result.verdict, "muted")
    if result.verdict == BASELINE:
        label(axes, "baseline", (1, place), offset=(10, 0), role=role, bold=True)
        return
    values = (result.ratio, result.low, result.high)
    label(axes, numbers.ratio(*values), (1, place), offset=(10, 0), role=role, bold=True)
    span = numbers.interval(*values)
    label(axes, span, (1, place), offset=(64, 0), role="muted", size=SMALL)


def limits(results: list[WorkloadResult], threshold: float) -> tuple[float, float]:
    """Return the ends of the axis: all intervals near 1, and always twice the threshold."""
    near = [
        math.log(end)
        for result in results
        if result.ratio is not None and NEAR[0] <= result.ratio <= NEAR[1]
        for end in (result.low or result.ratio, result.high or result.ratio)
    ]
    reach = math.log1p(2 * threshold)
    low, high = min([*near, -reach]), max([*near, reach])
    margin = 0.06 * (high - low)
    return math.exp(low - margin), math.exp(high + margin)


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - slow to load

    locator = MaxNLocator(nbins=6, steps=[1, 2, 5, 10])
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
