"""Fit matplotlib's SVG into a page: themed colours, the page's font, no clashing ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from llamabuild.report.palette import light, themed
from llamabuild.report.plots.figure import as_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
ENLARGED = 1.2
"""A page has more room than a printed figure; text comes out near the page's own size."""
_FONT = re.compile(r"'DejaVu Sans'[^;]*")


def inline_svg(figure: Figure, name: str, title: str) -> str:
    """Return an ``<svg>`` element that follows the page's light or dark theme.

    Args:
        figure: The picture, drawn in light colours.
        name: Unique in the page; becomes the prefix of all ids.
        title: Read aloud in the picture's place.
    """
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(as_bytes(figure, "svg"))  # noqa: S314 - our own output
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    _rename_ids(root, name)
    background = root.find(f".//{{{_SVG}}}path")
    if background is not None and light("panel") in background.get("style", ""):
        background.set("style", "fill: none")
    width = float(root.get("viewBox", "0 0 0 0").split()[2])
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("style", f"max-width: {width * 4 / 3 * ENLARGED:.0f}px")
    return _FONT.sub("var(--sans)", themed(ET.tostring(root, encoding="unicode")))


def _rename_ids(root: ET.Element, name: str) -> None:
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            used.update(_REFERENCE.findall(value))
            if key.endswith("href"):
                used.add(value.lstrip("#"))
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in used:
            element.set("id", f"{name}-{own}")
        for key, value in element.attrib.items():
            if key.endswith("href"):
                element.set(key, f"#{name}-{value.lstrip('#')}")
            else:
                element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))
