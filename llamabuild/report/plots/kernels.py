"""Our fastest kernels against ggml's: a row a format, a column a place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.kernel_material import RESIDENCES
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    EDGE,
    NORMAL,
    SMALL,
    fitting,
    label,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.kernel_material import Duel, KernelMaterial
    from llamabuild.types.kernels import KernelResult

ROW, HEAD, FOOT, LEFT, GAP, RIGHT = 0.34, 0.62, 0.3, 1.0, 0.12, 0.15
NUMBERS = 0.42
"""Inches right of each panel, for the ratios of most threads."""
TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16)


def draw_kernels(material: KernelMaterial) -> Figure | None:
    """Draw ratios with their intervals; None when nothing was compared."""
    found = [duel for duel in material.duels if duel.ours and duel.ours.ratio and duel.ggml]
    if not found:
        return None
    names = list(dict.fromkeys((duel.format, duel.columns) for duel in found))
    places = [place for place in RESIDENCES if any(d.residence == place for d in found)]
    figure = new_figure(HEAD + ROW * len(names) + FOOT)
    room = figure.get_size_inches()[0] - LEFT - RIGHT - GAP * (len(places) - 1)
    width = room / len(places) - NUMBERS
    limits = _limits([duel.ours for duel in found if duel.ours])
    for column, place in enumerate(places):
        left = LEFT + column * (width + NUMBERS + GAP)
        axes = panel(figure, left, FOOT, width, ROW * len(names))
        _prepare(axes, len(names), limits)
        label(axes, f"in {place}", (0, 1), coords=ABOVE, offset=(0, 12), size=NORMAL, bold=True)
        if column == 0:
            _label_rows(axes, names)
        for row, name in enumerate(names):
            here = [d for d in found if (d.format, d.columns) == name and d.residence == place]
            _draw_row(axes, row, sorted(here, key=lambda duel: duel.threads))
    return figure


def _prepare(axes: Axes, rows: int, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - slow to load

    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.axvline(1, color=light("muted"), linewidth=0.8, zorder=1)
    shown = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    axes.set_xticks(shown, labels=[f"{tick:g}×" for tick in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="x", color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_yticks([])


def _label_rows(axes: Axes, names: Sequence[tuple[str, int]]) -> None:
    for row, (name, columns) in enumerate(names):
        text = name if columns == 1 else f"{name} × {columns}"
        label(axes, fitting(text, 13), (0, row), offset=(EDGE - LEFT * 72, 0))
    legend = "● one thread   ○ all threads; the numbers are of all threads"
    offset = (EDGE - LEFT * 72, 32)
    label(axes, legend, (0, 1), coords=ABOVE, offset=offset, role="muted", size=SMALL)


def _draw_row(axes: Axes, row: int, duels: Sequence[Duel]) -> None:
    for duel in duels:
        result = duel.ours
        if result is None or result.ratio is None:
            continue
        single = duel.threads == 1
        at = row - 0.14 if single else row + 0.14
        role = _role(result)
        if result.low is not None and result.high is not None:
            axes.plot([result.low, result.high], [at, at], color=light(role), linewidth=1.8)
        axes.plot(
            [result.ratio], [at], marker="o", markersize=5, color=light(role), zorder=3,
            markerfacecolor=light(role) if single else light("panel"), markeredgewidth=1.3,
        )  # fmt: skip
        if duel is duels[-1]:
            text = numbers.ratio(result.ratio)
            label(axes, text, (1, row), offset=(5, 0), role=role, size=SMALL, bold=True)


def _role(result: KernelResult) -> str:
    if result.low is not None and result.low > 1:
        return "faster"
    if result.high is not None and result.high < 1:
        return "slower"
    return "unclear"


def _limits(results: Sequence[KernelResult]) -> tuple[float, float]:
    ends = [
        math.log(end)
        for result in results
        for end in (result.ratio, result.low, result.high)
        if end is not None and end > 0
    ]
    low, high = min(*ends, math.log(0.8)), max(*ends, math.log(1.25))
    margin = 0.06 * (high - low)
    return math.exp(low - margin), math.exp(high + margin)
