"""A sweep: speed over the values of an axis, one panel a workload."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from llamabuild.report.palette import light
from llamabuild.report.plots.figure import ABOVE, NORMAL, SMALL, label, new_figure, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.material import Material
    from llamabuild.report.sweep_document import SweepInfo, SweepPoint

HEIGHT, HEAD, FOOT, GAP, LEFT, RIGHT = 1.9, 0.36, 0.5, 0.3, 0.55, 1.25
ROLES = tuple(f"series{number}" for number in range(6))
SPREAD = 0.14
"""Between lines that share a value, as a part of the distance between two values."""


def draw_sweep(material: Material) -> Figure | None:
    """Draw a line of points for each combination of the further axes; None if it is no sweep."""
    info = material.document.sweep
    if info is None or not any(_y(point, 0) for point in info.points):
        return None
    workloads = material.document.run.workloads
    total = len(workloads) * (HEAD + HEIGHT + FOOT) + GAP * (len(workloads) - 1)
    figure = new_figure(total)
    width = figure.get_size_inches()[0] - LEFT - RIGHT
    top = total
    for place, workload in enumerate(workloads):
        axes = panel(figure, LEFT, top - HEAD - HEIGHT, width, HEIGHT)
        _draw_panel(axes, info, place)
        label(
            axes, workload.name, (0, 1), coords=ABOVE, offset=(-LEFT * 72 + 4, 14),
            size=NORMAL + 1, bold=True,
        )  # fmt: skip
        text = f"speed against {info.points[0].label}, with intervals"
        label(axes, text, (0, 1), coords=ABOVE, offset=(20, 14), role="muted", size=SMALL)
        top -= HEAD + HEIGHT + FOOT + GAP
    return figure


def _y(point: SweepPoint, place: int) -> float | None:
    """Ratio to the first point, which has none of its own."""
    if place >= len(point.workloads) or point.workloads[place].median is None:
        return None
    ratio = point.workloads[place].ratio
    return 1.0 if ratio is None else ratio


def _draw_panel(axes: Axes, info: SweepInfo, place: int) -> None:
    first = list(dict.fromkeys(point.values[0] for point in info.points))
    positions = {value: float(number) for number, value in enumerate(first)}
    axes.set_xlim(-0.4, len(first) - 0.6)
    axes.set_xticks(range(len(first)), labels=[value or "default" for value in first])
    axes.set_xlabel(info.axes[0].name, fontsize=SMALL, color=light("muted"))
    axes.grid(visible=True, axis="y", color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    axes.axhline(1, color=light("muted"), linewidth=0.8)
    if any(point.workloads[place].efficiency for point in info.points if point.workloads):
        _draw_ideal(axes, first, positions, info, place)
    ordered = sorted(info.points, key=lambda p: (p.values[1:], first.index(p.values[0])))
    groups = [(k, list(g)) for k, g in groupby(ordered, lambda p: p.values[1:])]
    for number, (rest, points) in enumerate(groups):
        shift = SPREAD * (number - (len(groups) - 1) / 2) / max(1, len(groups) - 1)
        role = ROLES[number % len(ROLES)]
        _draw_line(axes, points, place, role, [positions[p.values[0]] + shift for p in points])
        if rest:
            name = ", ".join(value or "default" for value in rest)
            label(axes, name, (1, 1), coords=ABOVE, offset=(8, -8 - 13 * number), role=role,
                  size=SMALL)  # fmt: skip
        elif len(points) > 1:
            _mark_fastest(axes, points, place, positions)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.95), max(high, 1.05))


def _draw_line(
    axes: Axes, points: list[SweepPoint], place: int, role: str, xs: list[float]
) -> None:
    known = [(x, point, y) for x, point in zip(xs, points, strict=True) if (y := _y(point, place))]
    axes.plot([x for x, _, _ in known], [y for _, _, y in known], color=light(role),
              linewidth=1.2, marker="o", markersize=4)  # fmt: skip
    for x, point, _ in known:
        result = point.workloads[place]
        if result.low is not None and result.high is not None:
            axes.plot([x, x], [result.low, result.high], color=light(role), linewidth=2.2,
                      alpha=0.55, solid_capstyle="butt")  # fmt: skip


def _mark_fastest(
    axes: Axes, points: list[SweepPoint], place: int, positions: dict[str, float]
) -> None:
    """Ring the point that is fastest by its median; the table says which differences are shown."""
    fastest = max(points, key=lambda point: _y(point, place) or 0.0)
    if (y := _y(fastest, place)) is None:
        return
    x, low = positions[fastest.values[0]], fastest.workloads[place].low
    axes.plot([x], [y], color=light(ROLES[0]), marker="o", markersize=9, fillstyle="none")
    below = y if low is None else min(y, low)
    label(axes, "fastest", (x, below), coords=("data", "data"), offset=(0, -11), role="muted",
          size=SMALL, align="center")  # fmt: skip


def _draw_ideal(
    axes: Axes, first: list[str], positions: dict[str, float], info: SweepInfo, place: int
) -> None:
    """Speedup if every thread counted whole, and half of that, as far as the points reach."""
    start = float(first[0])
    reached = max((_y(point, place) or 1.0) for point in info.points)
    second = float(first[min(1, len(first) - 1)])
    top = max(1.2 * reached, 1.1 * second / start)
    xs = [positions[value] for value in first]
    for share, name, dashes in ((1.0, "ideal", (0, (4, 3))), (0.5, "half of it", (0, (1, 2)))):
        ys = [share * float(value) / start for value in first]
        axes.plot(xs, ys, color=light("muted"), linewidth=0.9, linestyle=dashes)
        shown = [(x, y) for x, y in zip(xs, ys, strict=True) if y <= top]
        if shown:
            label(axes, name, shown[-1], coords=("data", "data"), offset=(6, 4), role="muted",
                  size=SMALL)  # fmt: skip
    axes.set_ylim(0, top)
    axes.set_ylabel("speedup", fontsize=SMALL, color=light("muted"))
