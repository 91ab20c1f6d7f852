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
    name_column,
    new_figure,
    panel,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.document import FunctionInfo, VariantResult
    from llamabuild.report.material import Material

ROW, HEAD, FOOT, LEFT, COLUMN, MARGIN = 0.27, 0.3, 0.42, 2.45, 0.86, 0.05
ROWS = 12
MOST_COLUMNS, FEW_ROWS, ROTATED_HEAD = 8, 7, 1.5
LEVELS = 5


def draw_isa(material: Material) -> Figure | None:
    """Draw kernels by variants; None when nothing was inspected.

    Variants with the same cells share a line, and stand as rows when there are many.
    """
    variants = [variant for variant in material.document.variants if variant.inspection.functions]
    if not variants:
        return None
    weight: dict[str, int] = {}
    for variant in variants:
        for rank, function in enumerate(variant.inspection.functions):
            weight[function.name] = weight.get(function.name, 0) + ROWS - rank
    names = sorted(weight, key=lambda name: (-weight[name], name))[:ROWS]
    merged = _merged(variants, names)
    titles = [fitting(title, 30) for title, _ in merged]
    if len(merged) > MOST_COLUMNS:
        names = names[:FEW_ROWS]
        cells = [[functions.get(name) for name in names] for _, functions in merged]
        return _grid(titles, [short_name(name) for name in names], cells, rotated=True)
    cells = [[functions.get(name) for _, functions in merged] for name in names]
    return _grid([short_name(name) for name in names], titles, cells, rotated=False)


def _merged(
    variants: list[VariantResult], names: list[str]
) -> list[tuple[str, dict[str, FunctionInfo]]]:
    """Return title and functions of each group of variants whose cells look the same."""
    groups: dict[tuple[object, ...], list[VariantResult]] = {}
    for variant in variants:
        functions = _functions(variant)
        look = tuple(_look(functions.get(name)) for name in names)
        groups.setdefault(look, []).append(variant)
    found = []
    for group in groups.values():
        first = group[0]
        more = f" +{len(group) - 1}" if len(group) > 1 else ""
        found.append((f"{fitting(first.name, 26)}{more}", _functions(first)))
    return found


def _look(function: FunctionInfo | None) -> tuple[str, int] | None:
    """Return text and colour of a cell."""
    if function is None or not function.instructions:
        return None
    return function.highest, level(function.vector / function.instructions)


def _functions(variant: VariantResult) -> dict[str, FunctionInfo]:
    return {function.name: function for function in variant.inspection.functions}


def _grid(
    rows: list[str], columns: list[str], cells: list[list[FunctionInfo | None]], *, rotated: bool
) -> Figure:
    head = ROTATED_HEAD if rotated else HEAD
    left = LEFT if not rotated else name_column(rows)[0]
    total = head + FOOT + ROW * len(rows)
    needed = left + COLUMN * len(columns) + MARGIN + (ROTATED_HEAD if rotated else 0)
    figure = new_figure(total, max(WIDTH_INCHES, needed))
    width = figure.get_size_inches()[0] - left - MARGIN - (ROTATED_HEAD if rotated else 0)
    axes = panel(figure, left, FOOT, width, ROW * len(rows))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for row, line in enumerate(cells):
        for column, function in enumerate(line):
            _cell(axes, column, row, function)
    axes.set_xticks(range(len(columns)), labels=columns, color=light("ink"))
    axes.xaxis.tick_top()
    if rotated:
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="left", rotation_mode="anchor")
    axes.tick_params(length=0, pad=5)
    axes.set_yticks(range(len(rows)), labels=rows)
    _legend(figure, left)
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


def _legend(figure: Figure, left: float) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to load

    axes = panel(figure, left, 0.06, 2.6, 0.2)
    axes.set_xlim(0, 13)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    for step in range(LEVELS):
        axes.add_patch(Rectangle((step, 0.1), 0.94, 0.8, color=light(f"ramp{step}"), linewidth=0))
    text = "0 – 100 % vector instructions"
    label(axes, text, (LEVELS + 0.3, 0.5), coords=DATA, role="muted", size=SMALL)
