"""Speed as a share of the machine's bound, one panel a workload."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
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
from llamabuild.roofline.records import COMPUTE_BOUND, MEMORY_BOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.material import Material
    from llamabuild.roofline import Share

ROW, HEAD, FOOT, GAP, RIGHT = 0.24, 0.34, 0.3, 0.2, 1.9
BAR = 0.55
ROLES = {MEMORY_BOUND: "faster", COMPUTE_BOUND: "warn"}
TICKS = (0, 0.25, 0.5, 0.75, 1)


def draw_shares(material: Material) -> Figure | None:
    """Draw the bars; None without bounds."""
    shares = sorted(
        material.document.roofline.shares, key=lambda share: (share.workload, -share.share)
    )
    if not shares:
        return None
    panels = [(name, list(group)) for name, group in groupby(shares, lambda s: s.workload)]
    order = [workload.name for workload in material.document.run.workloads]
    panels.sort(key=lambda item: order.index(item[0]))
    total = ROW * len(shares) + len(panels) * (HEAD + FOOT) + GAP * (len(panels) - 1)
    left, fit = name_column(share.variant for share in shares)
    figure = new_figure(total)
    width = figure.get_size_inches()[0] - left - RIGHT
    right = max(1.0, *(share.share for share in shares)) * 1.02
    top = total
    for name, rows in panels:
        height = ROW * len(rows)
        axes = panel(figure, left, top - HEAD - height, width, height)
        axes.set_xlim(0, right)
        _draw_panel(axes, rows)
        for place, share in enumerate(rows):
            label(axes, fit(share.variant), (0, place), offset=(EDGE - left * 72, 0))
        label(
            axes, fitting(name, 20), (0, 1), coords=ABOVE, offset=(EDGE - left * 72, 13),
            size=NORMAL + 1, bold=True,
        )  # fmt: skip
        top -= HEAD + height + FOOT + GAP
    return figure


def _draw_panel(axes: Axes, rows: Sequence[Share]) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(1, color=light("muted"), linewidth=0.8, zorder=1)
    for place, share in enumerate(rows):
        role = ROLES.get(share.verdict, "unclear")
        axes.barh([place], [share.share], height=BAR, color=light(role), linewidth=0, zorder=2)
        text = numbers.part(share.share)
        label(axes, text, (1, place), offset=(10, 0), role=role, bold=True)
        offset = (48, 0)
        label(axes, share.verdict, (1, place), offset=offset, role="muted", size=SMALL)
    axes.set_xticks(TICKS, labels=[numbers.percent(tick, 0) for tick in TICKS])
    axes.grid(visible=True, axis="x", color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    title = "share of what bandwidth and arithmetic allow"
    label(axes, title, (0, 1), coords=ABOVE, offset=(0, 13), role="muted", size=SMALL)
