"""Latency of a random chain of pointers over the working set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.palette import light
from llamabuild.report.plots.figure import ABOVE, NORMAL, SMALL, label, new_figure, panel
from llamabuild.report.plots.working_set import working_set_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from llamabuild.report.kernel_material import KernelMaterial

LEFT, RIGHT, HEAD, HEIGHT, FOOT = 0.55, 1.65, 0.35, 2.3, 0.35
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
NAMES = {"4K": ("4 KiB pages", "slower"), "huge": ("huge pages", "faster")}


def draw_latency(material: KernelMaterial) -> Figure | None:
    """Draw a line for each kind of pages; None without latencies."""
    lines: dict[str, dict[int, float]] = {}
    for probe in material.run.probes:
        if probe.kind == "latency" and probe.value > 0:
            sizes = lines.setdefault(probe.pages, {})
            size = probe.working_set_bytes
            sizes[size] = min(sizes.get(size, probe.value), probe.value)
    if not lines:
        return None
    figure = new_figure(HEAD + HEIGHT + FOOT)
    width = figure.get_size_inches()[0] - LEFT - RIGHT
    axes = panel(figure, LEFT, FOOT, width, HEIGHT)
    points = {pages: sorted(sizes.items()) for pages, sizes in lines.items()}
    working_set_axes(axes, material.run.machine, 1, points.values(), TICKS)
    ends = sorted((line[-1][1], pages) for pages, line in points.items())
    for rank, (value, pages) in enumerate(ends):
        name, role = NAMES.get(pages, (pages or "pages unknown", "unclear"))
        axes.plot(
            [size for size, _ in points[pages]], [value for _, value in points[pages]],
            color=light(role), linewidth=1.8, marker="o", markersize=3.5, zorder=3,
        )  # fmt: skip
        # The lower name goes below its line's end and the higher one above: they can be close.
        rise = 7 * (2 * rank - len(ends) + 1)
        place = (points[pages][-1][0], value)
        label(axes, f"{name}, {value:.0f} ns", place, coords=("data", "data"), offset=(14, rise),
              role=role, size=SMALL, bold=True)  # fmt: skip
    title = "nanoseconds a step"
    label(axes, title, (0, 1), coords=ABOVE, offset=(-24, 12), role="muted", size=NORMAL - 1)
    return figure
