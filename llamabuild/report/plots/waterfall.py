"""The optimization log as a waterfall: from the baseline, change by change, to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    EDGE,
    NORMAL,
    SMALL,
    label,
    name_column,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.optimize.values import Effect
    from llamabuild.report.optimize_material import OptimizeMaterial

ROW, HEAD, FOOT, GAP, RIGHT = 0.34, 0.4, 0.34, 0.3, 1.55
BAR = 0.56
"""Of a row's height."""
Step = tuple[str, float, "Effect"]
"""A change, the ratio before it, and all changes up to it against the baseline."""


def draw_waterfall(material: OptimizeMaterial) -> Figure | None:
    """Draw a panel for each workload; None when nothing was accepted."""
    document = material.document
    if not document.accepted:
        return None
    names = [" + ".join(change.change) for change in document.accepted]
    panels = []
    for load in document.workloads:
        steps, before = list[Step](), 1.0
        for name, change in zip(names, document.accepted, strict=True):
            effect = change.cumulatives.get(load)
            if effect is not None:
                steps.append((name, before, effect))
                before = effect.ratio
        if steps:
            panels.append((load, steps))
    if not panels:
        return None
    left, fit = name_column([document.base, *names])
    heights = [ROW * (len(steps) + 1) for _, steps in panels]
    total = sum(heights) + len(panels) * (HEAD + FOOT) + GAP * (len(panels) - 1)
    figure = new_figure(total)
    width = figure.get_size_inches()[0] - left - RIGHT
    top = total
    for (load, steps), height in zip(panels, heights, strict=True):
        axes = panel(figure, left, top - HEAD - height, width, height)
        _draw_panel(axes, steps, document.target)
        label(axes, load, (0, 1), coords=ABOVE, offset=(EDGE - left * 72, 13), size=NORMAL + 1,
              bold=True)  # fmt: skip
        text = "speed against the baseline, with intervals"
        label(axes, text, (0, 1), coords=ABOVE, offset=(0, 13), role="muted", size=SMALL)
        for place, name in enumerate([document.base, *(step[0] for step in steps)]):
            label(axes, fit(name), (0, place), offset=(EDGE - left * 72, 0))
        top -= HEAD + height + FOOT + GAP
    return figure


def _draw_panel(axes: Axes, steps: Sequence[Step], target: float) -> None:
    ends = [end for _, _, e in steps for end in (e.ratio, e.low or e.ratio, e.high or e.ratio)]
    low, high = min([*ends, 1.0]), max([*ends, target])
    margin = 0.06 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(len(steps) + 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(visible=True, axis="x", color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(lambda value, _place: f"{value:.4g}×")
    axes.axvline(1, color=light("muted"), linewidth=0.8)
    axes.axvline(target, color=light("good"), linewidth=1.0, linestyle=(0, (4, 3)))
    label(axes, "target", (target, 0), coords=("data", "data"), offset=(4, 0), role="good",
          size=SMALL)  # fmt: skip
    axes.plot([1], [0], "D", color=light("baseline"), markersize=5)
    for place, (_, before, effect) in enumerate(steps, 1):
        role = "faster" if effect.ratio >= before else "slower"
        axes.barh(place, effect.ratio - before, left=before, height=BAR, color=light(role),
                  alpha=0.75)  # fmt: skip
        axes.plot([before, before], [place - 1, place + BAR / 2], color=light("muted"),
                  linewidth=0.8)  # fmt: skip
        if effect.low is not None and effect.high is not None:
            axes.plot([effect.low, effect.high], [place, place], color=light("ink"), linewidth=1.4)
        values = (effect.ratio, effect.low, effect.high)
        label(axes, numbers.ratio(*values), (1, place), offset=(8, 0), role=role, bold=True)
        label(axes, numbers.interval(*values), (1, place), offset=(50, 0), role="muted",
              size=SMALL)  # fmt: skip
