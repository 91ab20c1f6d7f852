"""Axes over a working set, with the ends of the caches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import SMALL, label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from llamabuild.types.machine import Machine

MOST_TICKS = 6
Points = Sequence[tuple[float, float]]
"""Working set in bytes, value."""


def working_set_axes(
    axes: Axes, machine: Machine, threads: int, lines: Iterable[Points], ticks: Iterable[float]
) -> None:
    """Set up logarithmic axes for these lines; both scales are set before anything is drawn.

    Args:
        axes: Where.
        machine: Whose caches are marked.
        threads: That share the working set; private caches hold a part each.
        lines: All that will be drawn, in bytes and the unit of ``ticks``.
        ticks: Values worth a mark; those in range are shown.
    """
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - slow to load

    points = [point for line in lines for point in line]
    sizes = [size for size, _ in points]
    values = [value for _, value in points]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    axes.set_ylim(min(values) / 1.3, max(values) * 1.5)
    low, high = axes.get_ylim()
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.set_yticks(shown, labels=[f"{tick:g}" for tick in shown])
    first, last = math.ceil(math.log2(min(sizes))), math.floor(math.log2(max(sizes)))
    step = max(2, math.ceil((last - first) / MOST_TICKS))
    powers = [2**power for power in range(first, last + 1, step)]
    axes.set_xticks(powers, labels=[numbers.binary_size(power) for power in powers])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(visible=True, color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)
    _mark_caches(axes, machine, threads)


def _mark_caches(axes: Axes, machine: Machine, threads: int) -> None:
    low, high = axes.get_xlim()
    for cache in machine.cpu.caches:
        sharing = max(1, cache.shared_by // max(1, machine.cpu.threads_per_core))
        size = cache.size_bytes * math.ceil(threads / sharing)
        if cache.kind != "instruction" and low < size < high:
            axes.axvline(size, color=light("muted"), linewidth=0.8, linestyle=(0, (4, 3)))
            place, coords = (size, 1), ("data", "axes fraction")
            label(axes, f"L{cache.level}", place, coords=coords, offset=(-9, -6), role="muted",
                  size=SMALL - 1, align="center")  # fmt: skip
