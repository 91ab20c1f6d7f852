"""Where the time went: a bar a build, parted by function, one panel a workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.execution_words import busiest, is_waiting
from llamabuild.report.isa import short_name
from llamabuild.report.palette import light
from llamabuild.report.plots.figure import (
    ABOVE,
    DATA,
    EDGE,
    NORMAL,
    SMALL,
    label,
    name_column,
    new_figure,
    panel,
)
from llamabuild.report.ranking import ranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llamabuild.report.document import Document, ExecutionInfo
    from llamabuild.report.material import Material

ROW, HEAD, FOOT, GAP, RIGHT = 0.2, 0.34, 0.3, 0.16, 0.75
LEGEND_ROW, LEGEND_COLUMNS = 0.2, 2
BAR = 0.78
SERIES = 6
"""Functions with a colour of their own; the rest is grey."""
TICKS = (0, 0.25, 0.5, 0.75, 1)
WAITING, REST = "waiting for other threads", "all other functions"


@dataclass(frozen=True, slots=True)
class _Panel:
    workload: str
    rows: list[tuple[str, ExecutionInfo]]
    roles: dict[str, str]
    """Colour of each function that has one, the largest sum of shares first."""

    @property
    def height(self) -> float:
        return HEAD + ROW * len(self.rows) + FOOT + LEGEND_ROW * self.legend_rows

    @property
    def legend_rows(self) -> int:
        return -(-(len(self.roles) + 2) // LEGEND_COLUMNS)


def draw_execution(material: Material) -> Figure | None:
    """Draw the bars; None when nothing was sampled."""
    panels = _panels(material.document)
    if not panels:
        return None
    left, fit = name_column(name for part in panels for name, _ in part.rows)
    total = sum(part.height for part in panels) + GAP * (len(panels) - 1)
    figure = new_figure(total)
    width = figure.get_size_inches()[0] - left - RIGHT
    top = total
    for part in panels:
        height = ROW * len(part.rows)
        axes = panel(figure, left, top - HEAD - height, width, height)
        _draw_panel(axes, part)
        for place, (name, _) in enumerate(part.rows):
            label(axes, fit(name), (0, place), offset=(EDGE - left * 72, 0), size=SMALL)
        label(
            axes, part.workload, (0, 1), coords=ABOVE, offset=(EDGE - left * 72, 13),
            size=NORMAL + 1, bold=True,
        )  # fmt: skip
        legend_height = LEGEND_ROW * part.legend_rows
        lowest = top - HEAD - height - FOOT - legend_height
        _legend(panel(figure, left, lowest, width + RIGHT, legend_height), part)
        top -= part.height + GAP
    return figure


def _panels(document: Document) -> list[_Panel]:
    panels: list[_Panel] = []
    known: dict[str, str] = {}
    for workload in document.run.workloads:
        rows = [
            (variant.name, execution)
            for variant in ranked(document.variants)
            for execution in variant.executions
            if execution.workload == workload.name and execution.functions
        ]
        totals: dict[str, float] = {}
        for _, execution in rows:
            for function in execution.functions:
                if not is_waiting(function):
                    totals[function.name] = totals.get(function.name, 0.0) + function.share
        functions = sorted(totals, key=lambda name: (-totals[name], name))[:SERIES]
        if rows:
            roles = _roles(functions, known)
            known |= roles
            panels.append(_Panel(workload.name, rows, roles))
    return panels


def _roles(functions: list[str], known: dict[str, str]) -> dict[str, str]:
    """Give each function a colour: the one that it had in a panel above, or a free one."""
    kept: dict[str, str] = {}
    for name in functions:
        if name in known and known[name] not in kept.values():
            kept[name] = known[name]
    free = [role for n in range(SERIES) if (role := f"series{n}") not in kept.values()]
    # Colours that no panel has used come first, so that a colour seldom means two functions.
    free.sort(key=lambda role: role in known.values())
    return {name: kept[name] if name in kept else free.pop(0) for name in functions}


def _draw_panel(axes: Axes, part: _Panel) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(len(part.rows) - 0.5, -0.5)
    for place, (_, execution) in enumerate(part.rows):
        shares: dict[str, float] = {}
        for function in execution.functions:
            if not is_waiting(function):
                shares[function.name] = shares.get(function.name, 0.0) + function.share
        start = 0.0
        parts = [(shares.get(name, 0.0), role) for name, role in part.roles.items()]
        known = sum(share for share, _ in parts) + execution.waiting
        parts += [(max(0.0, 1 - known), "rest"), (execution.waiting, "waiting")]
        for share, role in parts:
            if share > 0:
                colour = light(role)
                axes.barh([place], [share], BAR, start, color=colour, linewidth=0, zorder=2)
                start += share
        top = busiest(execution.functions)
        text = numbers.percent(top.share, 0) if top else ""
        label(axes, text, (1, place), offset=(8, 0), role="muted", size=SMALL)
    axes.set_xticks(TICKS, labels=[numbers.percent(tick, 0) for tick in TICKS])
    axes.set_yticks([])
    title = "share of the samples; at the right, of the busiest function"
    label(axes, title, (0, 1), coords=ABOVE, offset=(0, 13), role="muted", size=SMALL)


def _legend(axes: Axes, part: _Panel) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to load

    entries = [(short_name(name, 36), role) for name, role in part.roles.items()]
    entries += [(WAITING, "waiting"), (REST, "rest")]
    axes.set_xlim(0, LEGEND_COLUMNS)
    axes.set_ylim(part.legend_rows, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    for number, (text, role) in enumerate(entries):
        column, row = divmod(number, part.legend_rows)
        axes.add_patch(Rectangle((column, row + 0.2), 0.035, 0.6, color=light(role), linewidth=0))
        label(axes, text, (column + 0.055, row + 0.5), coords=DATA, size=SMALL - 0.5)
