"""Formats of the weights: speed over what they cost, and those that no other beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.formats_document import BY_DIVERGENCE
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import ABOVE, DATA, NORMAL, SMALL, label, new_figure, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.formats_document import FormatsInfo
    from llamabuild.report.material import Material
    from llamabuild.report.sweep_document import SweepPoint

HEAD, HEIGHT, FOOT, LEFT, RIGHT = 0.4, 2.9, 0.55, 0.7, 0.25
LINEAR_BELOW = 0.001
"""Nats: a divergence of zero has its place too."""
LETTER = 5.2
"""Width of a letter in points, about; a label that would end outside stands on the left."""
BELOW = 8.0
"""Points between a point and its name: the line rises to the right of it."""
CLOSE = 12.0
"""Points: labels nearer than that above each other are moved apart."""


def draw_formats(material: Material) -> Figure | None:
    """Draw a point for each format, the front joined; None where no format was varied."""
    info = material.document.sweep
    if info is None or info.formats is None:
        return None
    formats = info.formats
    known = [(p, *place) for p in info.points if (place := _place(p, formats)) is not None]
    if len(known) < 2:  # noqa: PLR2004 - nothing to weigh
        return None
    figure = new_figure(HEAD + HEIGHT + FOOT)
    width = figure.get_size_inches()[0] - LEFT - RIGHT
    axes = panel(figure, LEFT, FOOT, width, HEIGHT)
    _prepare(axes, formats, [x for _, x, _ in known], [y for _, _, y in known])
    front = sorted((x, y) for point, x, y in known if point.format and point.format.on_front)
    axes.plot([x for x, _ in front], [y for _, y in front], color=light("faster"), linewidth=1.4,
              zorder=2)  # fmt: skip
    for point, x, y in known:
        best = point.format is not None and point.format.on_front
        role = "faster" if best else "unclear"
        axes.plot([x], [y], color=light(role), marker="o", markersize=6 if best else 4.5, zorder=3)
    _name(axes, known)
    label(axes, formats.workload, (0, 1), coords=ABOVE, offset=(4 - LEFT * 72, 16),
          size=NORMAL + 1, bold=True)  # fmt: skip
    text = "tokens/s, higher is better; the line joins what no other format beats"
    label(axes, text, (0, 1), coords=ABOVE, offset=(0, 16), role="muted", size=SMALL)
    return figure


def _place(point: SweepPoint, formats: FormatsInfo) -> tuple[float, float] | None:
    """Cost and speed of a point; None where one of them is not known."""
    speeds = [result.median for result in point.workloads if result.name == formats.workload]
    if point.format is None or not speeds or speeds[0] is None:
        return None
    by_divergence = formats.cost == BY_DIVERGENCE
    cost = point.format.mean_kl_divergence if by_divergence else point.format.bytes
    return None if cost is None else (float(cost), speeds[0])


def _prepare(axes: Axes, formats: FormatsInfo, xs: list[float], ys: list[float]) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: PLC0415 - slow to load

    if formats.cost == BY_DIVERGENCE:
        axes.set_xscale("symlog", linthresh=LINEAR_BELOW)
        axes.set_xlim(-LINEAR_BELOW / 4, max(2 * max(xs), 2 * LINEAR_BELOW))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        what = f"KL divergence from {formats.reference}, nats a token; lower is better"
        if formats.kl_limit <= axes.get_xlim()[1]:
            axes.axvline(
                formats.kl_limit, color=light("muted"), linewidth=0.8, linestyle=(0, (1, 2))
            )
    else:
        spread = max(xs) - min(xs) or max(xs)
        axes.set_xlim(max(0.0, min(xs) - 0.12 * spread), max(xs) + 0.12 * spread)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.size(value)))
        what = "size of the file; smaller is better"
    axes.xaxis.set_minor_locator(NullLocator())
    spread = max(ys) - min(ys) or max(ys)
    axes.set_ylim(max(0.0, min(ys) - 0.2 * spread), max(ys) + 0.2 * spread)
    axes.grid(visible=True, color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(what, fontsize=SMALL, color=light("muted"))


def _name(axes: Axes, known: list[tuple[SweepPoint, float, float]]) -> None:
    """Write each format beside its point, from the top down, none over another."""
    extent = axes.get_window_extent()
    points_per_pixel = 72 / axes.figure.dpi
    width, height = extent.width * points_per_pixel, extent.height * points_per_pixel
    taken: list[tuple[float, float, float]] = []
    for point, x, y in sorted(known, key=lambda each: -each[2]):
        right, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
        long = LETTER * len(point.label)
        left = right * width + 7
        start = left if left + long < width else left - 14 - long
        level = up * height - BELOW
        while any(abs(level - other) < CLOSE and start < end and start + long > begin
                  for begin, end, other in taken):  # fmt: skip
            level -= CLOSE / 4
        taken.append((start, start + long, level))
        best = point.format is not None and point.format.on_front
        label(axes, point.label, (x, y), coords=DATA,
              offset=(start - right * width, level - up * height),
              role="ink" if best else "muted", size=SMALL, bold=best)  # fmt: skip
