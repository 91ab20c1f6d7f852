"""Every trial over time: a strip a variant and workload, all strips on one scale."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.material import left_out, tokens_per_second
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import ABOVE, EDGE, SMALL, label, name_column, new_figure, panel
from llamabuild.report.portable import clean
from llamabuild.types.run import NOISE_ARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.material import Material

HEAD, FOOT, GAP, RIGHT = 0.36, 0.66, 0.75, 0.55
STRIP, TIGHT, MANY = 0.44, 0.3, 16
"""Height of a strip, and of one when there are that many."""
LEAST_SPAN = 0.03
"""Half the height of a strip in log units, so that a quiet run looks quiet."""
LEGEND = (
    "shaded: left out (warm-up or discarded), held at the strip's edge  ·  "
    "×: the trial failed  ·  at the right: median ratio"
)
FILL = 0.36
"""Half of a strip's height that dots may use, in rows."""
Series = dict[int, float | None]


def draw_timeline(material: Material) -> Figure | None:
    """Draw throughput over blocks relative to the baseline's median; None without trials."""
    series = relative_series(material)
    workloads = [workload.name for workload in material.run.workloads]
    names = [
        name
        for name in (*(arm.name for arm in material.run.arms), NOISE_ARM)
        if any(series.get((name, workload)) for workload in workloads)
    ]
    if not names:
        return None
    strip = STRIP if len(names) < MANY else TIGHT
    left_edge, fit = name_column(clean(name) for name in names)
    total = HEAD + FOOT + strip * len(names)
    figure = new_figure(total)
    room = figure.get_size_inches()[0] - left_edge - RIGHT - GAP * (len(workloads) - 1)
    width = room / len(workloads)
    for column, workload in enumerate(workloads):
        left = left_edge + column * (width + GAP)
        axes = panel(figure, left, FOOT, width, strip * len(names))
        strips = [series.get((name, workload), {}) for name in names]
        span = _span(strips, material)
        _prepare(axes, len(names), material)
        for row, blocks in enumerate(strips):
            _draw_strip(axes, row, blocks, span, material)
            if column == 0:
                name = fit(clean(names[row]))
                label(axes, name, (0, row), offset=(EDGE - left_edge * 72, 0))
        title = f"{workload} (each strip ±{math.expm1(span) * 100:.0f} %)"
        label(axes, title, (0, 1), coords=ABOVE, offset=(0, 11), role="muted", size=SMALL)
    place = EDGE / 72 / figure.get_size_inches()[0]
    figure.text(place, 0.06 / total, LEGEND, fontsize=SMALL, color=light("muted"))
    return figure


def relative_series(material: Material) -> dict[tuple[str, str], Series]:
    """Return ``(arm, workload)`` to block to throughput over the baseline's median.

    None stands for a trial that failed.
    """
    skipped = left_out(material.run)
    found: dict[tuple[str, str], Series] = {}
    for trial in material.trials:
        found.setdefault((trial.arm, trial.workload), {})[trial.block] = tokens_per_second(trial)
    relative = {}
    for (arm, workload), blocks in found.items():
        reference = [
            speed
            for block, speed in found.get((material.run.baseline, workload), {}).items()
            if speed is not None and block not in skipped
        ]
        if reference:
            median = statistics.median(reference)
            relative[arm, workload] = {
                block: speed / median if speed is not None else None
                for block, speed in blocks.items()
            }
    return relative


def _prepare(axes: Axes, rows: int, material: Material) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - slow to load

    for block in left_out(material.run):
        axes.axvspan(block - 0.5, block + 0.5, color=light("shade"), linewidth=0, zorder=0)
    last = max(trial.block for trial in material.trials)
    axes.set_xlim(-0.6, last + 0.6)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("block", fontsize=SMALL, color=light("muted"))


def _draw_strip(axes: Axes, row: int, blocks: Series, span: float, material: Material) -> None:
    skipped = left_out(material.run)
    counted = [speed for block, speed in blocks.items() if speed and block not in skipped]
    centre = statistics.median(counted) if counted else 1.0
    axes.axhline(row, color=light("line"), linewidth=1, zorder=1)
    heights = {
        block: row - FILL * max(-1.0, min(1.0, math.log(speed / centre) / span))
        for block, speed in blocks.items()
        if speed
    }
    blue, red = light("faster"), light("bad")
    axes.plot(
        list(heights), list(heights.values()), "o", markersize=3.6, color=blue, markeredgewidth=0
    )
    failed = [block for block, speed in blocks.items() if not speed]
    axes.plot(failed, [row] * len(failed), "x", markersize=5, color=red)
    if counted:
        label(axes, numbers.ratio(centre), (1, row), offset=(6, 0), size=SMALL)


def _span(all_blocks: list[Series], material: Material) -> float:
    """Return half a strip's height: all counted trials fit, others are held at its edge."""
    skipped = left_out(material.run)
    spread = LEAST_SPAN
    for blocks in all_blocks:
        logs = [
            math.log(speed) for block, speed in blocks.items() if speed and block not in skipped
        ]
        if logs:
            centre = statistics.median(logs)
            spread = max([spread, *(abs(value - centre) for value in logs)])
    return spread
