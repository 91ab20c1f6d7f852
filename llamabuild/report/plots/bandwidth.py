"""Read bandwidth over the working set: by vector width, and by parallel streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    NORMAL,
    SMALL,
    label,
    new_figure,
    panel,
)
from llamabuild.report.plots.working_set import working_set_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.report.plots.working_set import Points
    from llamabuild.types.kernels import Probe

LEFT, GAP, RIGHT, HEAD, HEIGHT, FOOT = 0.55, 0.55, 0.15, 0.62, 2.0, 0.35
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
ROLES = ("faster", "equivalent", "warn", "unclear", "slower", "good")
GIGA = 1e9
Lines = dict[str, "Points"]


def draw_bandwidth(material: KernelMaterial) -> Figure | None:
    """Draw a row of panels for the fewest and for the most threads; None without reads."""
    # Those made beside kernels are of other minutes: they would make a line jump.
    reads = [
        probe
        for probe in material.run.probes
        if probe.name == "read" and probe.value > 0 and not probe.beside
    ]
    counts = sorted({probe.threads for probe in reads})
    if not counts:
        return None
    shown = sorted({counts[0], counts[-1]})
    figure = new_figure(len(shown) * (HEAD + HEIGHT + FOOT))
    total_width, top = figure.get_size_inches()
    width = (total_width - LEFT - GAP - RIGHT) / 2
    for threads in shown:
        mine = [probe for probe in reads if probe.threads == threads]
        widest = max(probe.width_bits for probe in mine)
        by_width = _lines(mine, lambda probe: f"{probe.isa} {probe.width_bits} bit")
        by_streams = _lines(
            [probe for probe in mine if probe.width_bits == widest],
            lambda probe: numbers.count(probe.streams, "stream"),
        )
        for column, (what, lines) in enumerate(
            (("by vector width", by_width), (f"by streams, {widest} bit", by_streams))
        ):
            left = LEFT + column * (width + GAP)
            axes = panel(figure, left, top - HEAD - HEIGHT, width, HEIGHT)
            every = (*by_width.values(), *by_streams.values())
            working_set_axes(axes, material.run.machine, threads, every, TICKS)
            _draw(axes, lines)
            title = f"{numbers.count(threads, 'thread')}, {what}"
            label(axes, title, (0, 1), coords=ABOVE, offset=(0, 32), size=NORMAL, bold=True)
            label(axes, "GB/s", (0, 1), coords=ABOVE, offset=(-24, 8), role="muted", size=SMALL)
        top -= HEAD + HEIGHT + FOOT
    return figure


def _lines(probes: Sequence[Probe], name: Callable[[Probe], str]) -> Lines:
    """Return the best of each size by name, fewest bits or streams first."""
    best: dict[str, dict[int, float]] = {}
    for probe in sorted(probes, key=lambda probe: (probe.width_bits, probe.streams)):
        sizes = best.setdefault(name(probe), {})
        size = probe.working_set_bytes
        sizes[size] = max(sizes.get(size, 0.0), probe.value / GIGA)
    return {text: sorted(sizes.items()) for text, sizes in best.items()}


def _draw(axes: Axes, lines: Lines) -> None:
    at = 0.0
    for place, (name, points) in enumerate(reversed(lines.items())):
        role = ROLES[place % len(ROLES)]
        axes.plot(
            [size for size, _ in points], [value for _, value in points],
            color=light(role), linewidth=1.8, marker="o", markersize=3, zorder=3,
        )  # fmt: skip
        label(axes, name, (0, 1), coords=ABOVE, offset=(at, 18), role=role, size=SMALL)
        at += 4.9 * len(name) + 12
