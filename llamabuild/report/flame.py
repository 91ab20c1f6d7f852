"""A flame graph as SVG: what is below called what is above, and widths are shares.

Static and whole: no script, the full name in each box's title, colours by the page's theme.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from llamabuild.report import numbers
from llamabuild.report.execution_words import is_waiting
from llamabuild.report.isa import short_name
from llamabuild.report.palette import css_variables
from llamabuild.report.portable import clean
from llamabuild.types.proof import FunctionShare

if TYPE_CHECKING:
    from llamabuild.types.profile import Flame

SVG = "http://www.w3.org/2000/svg"
WIDTH, ROW, MARGIN, TITLE = 1200.0, 18.0, 8.0, 26.0
NARROWEST = 0.4
"""Boxes that are narrower in user units can't be seen."""
CHARACTER = 7.2
"""Width of a character of the labels, on average."""
STYLE = (
    ".flame text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); }"
    ".flame .name { font-weight: 600; font-size: 13px; }"
    ".flame rect { stroke: var(--panel); stroke-width: .6; }"
    ".flame .even { fill: var(--ramp1); } .flame .odd { fill: var(--ramp2); }"
    ".flame .kernel { fill: var(--series1); fill-opacity: .45; }"
    ".flame .waiting { fill: var(--waiting); fill-opacity: .4; }"
    ".flame .back { fill: var(--panel); stroke: none; }"
)


class _Node:
    """A function on a path, with all that it called from there."""

    def __init__(self) -> None:
        self.share = 0.0
        self.called: dict[str, _Node] = {}

    def depth(self) -> int:
        return 1 + max((node.depth() for node in self.called.values()), default=0)


def flame_svg(flame: Flame, title: str, *, standalone: bool = True) -> str:
    """Return the picture; empty when there are no paths.

    Args:
        flame: The paths.
        title: Stands above the boxes and is read aloud in the picture's place.
        standalone: With its own colours, as a file; else with those of the page around it.
    """
    if not flame.stacks:
        return ""
    root = _Node()
    for stack in flame.stacks:
        root.share += stack.share
        node = root
        for frame in stack.frames:
            node = node.called.setdefault(clean(frame), _Node())
            node.share += stack.share
    rows = root.depth()
    height = TITLE + rows * ROW + MARGIN
    svg = ET.Element(
        "svg",
        {
            "xmlns": SVG,
            "viewBox": f"0 0 {WIDTH:.0f} {height:.0f}",
            "class": "flame",
            "role": "img",
            "aria-label": title,
        },
    )
    ET.SubElement(svg, "style").text = (_themes() if standalone else "") + STYLE
    if standalone:
        back = {"class": "back", "width": "100%", "height": "100%"}
        ET.SubElement(svg, "rect", back)
    heading = ET.SubElement(svg, "text", {"class": "name", "x": f"{MARGIN}", "y": "17"})
    heading.text = f"{title}: {flame.source.partition(',')[0].partition(':')[0]}, by {flame.unit}"
    boxes = _Boxes(ET.SubElement(svg, "g"), root.share)
    boxes.draw("all", root, MARGIN, height - MARGIN - ROW)
    return ET.tostring(svg, encoding="unicode") + "\n"


class _Boxes:
    """Draws functions into a group, the shares of a whole over the whole width."""

    def __init__(self, into: ET.Element, whole: float) -> None:
        self._into = into
        self._whole = whole

    def draw(self, name: str, node: _Node, left: float, top: float) -> None:
        """Draw a function and, above it, what it called, from the left by name."""
        width = self._width(node)
        if width < NARROWEST:
            return
        group = ET.SubElement(self._into, "g")
        title = ET.SubElement(group, "title")
        title.text = f"{name}, {numbers.percent(node.share / self._whole)}"
        place = {"x": f"{left:.2f}", "y": f"{top:.2f}", "rx": "2"}
        size = {"width": f"{width:.2f}", "height": f"{ROW:.0f}"}
        ET.SubElement(group, "rect", {"class": _colour(name, node), **place, **size})
        letters = int((width - 6) / CHARACTER)
        if letters > 2:  # noqa: PLR2004 - less than three letters say nothing
            label = ET.SubElement(group, "text", {"x": f"{left + 3:.2f}", "y": f"{top + 13:.2f}"})
            label.text = _fitted(name, letters)
        for child, below in sorted(node.called.items()):
            self.draw(child, below, left, top - ROW)
            left += self._width(below)

    def _width(self, node: _Node) -> float:
        return (WIDTH - 2 * MARGIN) * node.share / self._whole


def _fitted(name: str, letters: int) -> str:
    short = name if name.startswith("[") else short_name(name, letters)
    return short if len(short) <= letters else f"{short[: letters - 1]}…"


def _colour(name: str, node: _Node) -> str:
    """Return the class of a box: waiting, kernels of matrix products, or one of two shades.

    A library in which threads wait also starts them: only where it calls nothing is it waiting.
    """
    library = name.strip("[]") if name.startswith("[") else ""
    function = FunctionShare(name=name, library=library, share=0.0)
    if not node.called and is_waiting(function):
        return "waiting"
    if any(word in name for word in ("vec_dot", "gemv", "gemm")):
        return "kernel"
    return ("even", "odd")[zlib.crc32(name.encode()) % 2]


def _themes() -> str:
    light, dark = css_variables("light"), css_variables("dark")
    return f":root {{ {light} }}@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
