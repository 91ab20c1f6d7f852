"""The roofline: operations a second over operations per byte, with all kernels and builds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.kernel_material import RESIDENCES
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import ABOVE, SMALL, label, new_figure, panel
from llamabuild.types.kernels import OURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.types.kernels import Probe

LEFT, RIGHT, HEAD, HEIGHT, FOOT = 0.6, 0.2, 0.35, 3.6, 0.5
PLACES = dict(zip(RESIDENCES, ("faster", "equivalent", "warn", "slower"), strict=True))
"""Colour by place."""
Point = tuple[float, float, str, bool]
"""Operations per byte, operations a second, role, whether it is ours."""


def draw_roofline(material: KernelMaterial) -> Figure | None:
    """Draw roofs and points of the largest thread count; None without either."""
    probes, rows = material.run.probes, material.run.kernels
    counts = {p.threads for p in probes if p.name == "read"} or {r.threads for r in rows}
    if not counts:
        return None
    threads = max(counts)
    reads = _reads([p for p in probes if p.threads == threads])
    peaks = _peaks([p for p in probes if p.threads == threads])
    points = [
        (r.operations_per_second / r.bytes_per_second, r.operations_per_second,
         PLACES.get(r.residence, "unclear"), r.by == OURS)
        for r in rows
        if r.threads == threads and r.operations_per_second and r.bytes_per_second
    ]  # fmt: skip
    builds = _builds(material, threads)
    every = [(x, y) for x, y, _, _ in points] + builds
    if not every and not (reads and peaks):
        return None
    figure = new_figure(HEAD + HEIGHT + FOOT)
    width = figure.get_size_inches()[0] - LEFT - RIGHT
    axes = panel(figure, LEFT, FOOT, width, HEIGHT)
    _prepare(axes, every, reads, peaks)
    _draw_roofs(axes, reads, peaks, HEIGHT / width)
    _draw_points(axes, points, builds)
    legend = f"{numbers.count(threads, 'thread')}:   ● ours   ○ ggml's"
    legend += "   ■ builds of llama.cpp" if builds else ""
    label(axes, legend, (0, 1), coords=ABOVE, offset=(0, 12), role="muted", size=SMALL)
    axes.set_xlabel("operations per byte of weights", color=light("muted"), fontsize=SMALL)
    return figure


def _reads(probes: list[Probe]) -> dict[str, float]:
    """Return the best read of each place; in memory of the largest working sets."""
    best: dict[str, float] = {}
    for place in RESIDENCES:
        there = [p for p in probes if p.name == "read" and p.residence == place and p.value > 0]
        if there and place == RESIDENCES[-1]:
            size = max(probe.working_set_bytes for probe in there)
            there = [probe for probe in there if probe.working_set_bytes >= size / 2]
        if there:
            best[place] = max(probe.value for probe in there)
    return best


def _peaks(probes: list[Probe]) -> dict[str, float]:
    """Return the best of each kind of arithmetic, with its instruction set."""
    best: dict[str, Probe] = {}
    for probe in probes:
        known = best.get(probe.name)
        if probe.kind == "compute" and probe.value > (known.value if known else 0):
            best[probe.name] = probe
    return {f"{name} ({probe.isa})": probe.value for name, probe in best.items()}


def _builds(material: KernelMaterial, threads: int) -> list[tuple[float, float]]:
    """Return operations per byte and operations a second of each measured build."""
    if material.variants is None:
        return []
    found = []
    for share in material.variants.shares:
        bound = material.variants.bound_of(share)
        if bound is not None and share.threads == threads and bound.bytes_per_token:
            operations = bound.operations_per_token
            speed = share.tokens_per_second * operations
            found.append((operations / bound.bytes_per_token, speed))
    return found


def _prepare(
    axes: Axes,
    points: list[tuple[float, float]],
    reads: dict[str, float],
    peaks: dict[str, float],
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415

    ridges = [p / r for p in peaks.values() for r in reads.values()]
    across = [x for x, _ in points] + ridges
    left, right = min(across) / 5, max(across) * 2
    up = [y for _, y in points] + list(peaks.values())
    up += [left * read for read in reads.values()] if not points else []
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(min(up) / 1.6, max(up) * 2.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{numbers.operations(value).replace('.0', '')}/s")
    )
    axes.grid(visible=True, color=light("line"), linewidth=0.7)
    axes.set_axisbelow(True)


def _draw_roofs(
    axes: Axes, reads: dict[str, float], peaks: dict[str, float], aspect: float
) -> None:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    top = max(peaks.values(), default=high)
    angle = math.degrees(math.atan(aspect * math.log(right / left) / math.log(high / low)))
    for place, read in reads.items():
        ridge = min(right, top / read)
        colour = light(PLACES[place])
        axes.plot([left, ridge], [left * read, ridge * read], color=colour, linewidth=1.4, zorder=2)
        # Names stand along their roof, from where it enters the picture.
        start = max(left * 1.15, low * 1.25 / read)
        axes.annotate(
            f"{place} {numbers.size(read)}/s", (start, start * read), xytext=(-2, 4),
            textcoords="offset points", rotation=angle, rotation_mode="anchor", color=colour,
            fontsize=SMALL, fontweight="bold", va="bottom", ha="left",
        )  # fmt: skip
    for name, peak in peaks.items():
        start = peak / max(reads.values()) if reads else left
        axes.plot([start, right], [peak, peak], color=light("ink"), linewidth=1.4, zorder=2)
        text = f"{name} {numbers.operations(peak)}/s"
        axes.annotate(
            text, (right, peak), xytext=(-4, 4), textcoords="offset points", color=light("ink"),
            fontsize=SMALL, fontweight="bold", va="bottom", ha="right",
        )  # fmt: skip


def _draw_points(axes: Axes, points: list[Point], builds: list[tuple[float, float]]) -> None:
    for across, up, role, ours in points:
        axes.plot(
            [across], [up], marker="o", markersize=5 if ours else 4.5, color=light(role),
            markerfacecolor=light(role) if ours else light("panel"), markeredgewidth=1.1,
            zorder=4 if ours else 3,
        )  # fmt: skip
    for across, up in builds:
        axes.plot([across], [up], marker="s", markersize=4.5, color=light("ink"), zorder=5)
