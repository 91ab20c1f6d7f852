"""Which SIMD each kernel of each build uses: newest group as text, vector share as colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.isa import NONE, short_name
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    DATA,
    SMALL,
    WIDTH_INCHES,
    fitting,
    label,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.document import FunctionInfo
    from llamabuild.report.material import Material

ROW, HEAD, FOOT, LEFT, COLUMN, MARGIN = 0.27, 0.3, 0.42, 2.45, 0.86, 0.05
ROWS = 12
LEVELS = 5


def draw_isa(material: Material) -> Figure | None:
    """Draw kernels by variants; None when nothing was inspected."""
    variants = [variant for variant in material.document.variants if variant.inspection.functions]
    if not variants:
        return None
    weight: dict[str, int] = {}
    for variant in variants:
        for rank, function in enumerate(variant.inspection.functions):
            weight[function.name] = weight.get(function.name, 0) + ROWS - rank
    names = sorted(weight, key=lambda name: (-weight[name], name))[:ROWS]
    total = HEAD + FOOT + ROW * len(names)
    needed = LEFT + COLUMN * len(variants) + MARGIN
    figure = new_figure(total, max(WIDTH_INCHES, needed))
    width = figure.get_size_inches()[0] - LEFT - MARGIN
    axes = panel(figure, LEFT, FOOT, width, ROW * len(names))
    axes.set_xlim(-0.5, len(variants) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for column, variant in enumerate(variants):
        functions = {function.name: function for function in variant.inspection.functions}
        for row, name in enumerate(names):
            _cell(axes, column, row, functions.get(name))
    axes.set_xticks(
        range(len(variants)),
        labels=[fitting(variant.name, 14) for variant in variants],
        color=light("ink"),
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=5)
    axes.set_yticks(range(len(names)), labels=[short_name(name) for name in names])
    _legend(figure)
    return figure


def level(share: float) -> int:
    """Return the colour step, 0 to 4, of a share of vector instructions."""
    return max(0, min(LEVELS - 1, int(share * LEVELS)))


def _cell(axes: Axes, column: int, row: int, function: FunctionInfo | None) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to load

    place = (column, row)
    if function is None or not function.instructions:
        label(axes, "–", place, coords=DATA, role="muted", size=SMALL, align="center")
        return
    step = level(function.vector / function.instructions)
    axes.add_patch(
        Rectangle((column - 0.48, row - 0.45), 0.96, 0.9, color=light(f"ramp{step}"), linewidth=0)
    )
    text = "scalar" if function.highest == NONE else function.highest
    role = "rampink" if step == LEVELS - 1 else "ink"
    label(axes, text, place, coords=DATA, role=role, size=SMALL - 0.5, align="center")


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to load

    axes = panel(figure, LEFT, 0.06, 2.6, 0.2)
    axes.set_xlim(0, 13)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    for step in range(LEVELS):
        axes.add_patch(Rectangle((step, 0.1), 0.94, 0.8, color=light(f"ramp{step}"), linewidth=0))
    text = "0 – 100 % vector instructions"
    label(axes, text, (LEVELS + 0.3, 0.5), coords=DATA, role="muted", size=SMALL)
