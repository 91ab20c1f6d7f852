"""What a section of the HTML report is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from markupsafe import Markup

from llamabuild.report.plots.inline import inline_svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.report.plots.plot import Plot

M = TypeVar("M")
"""What the report is made from: ``Material`` or ``KernelMaterial``."""


@dataclass(frozen=True, slots=True)
class Section(Generic[M]):
    """One section: its heading, its template and what the template needs."""

    name: str
    """Anchor in the page, and name of ``templates/sections/NAME.html``."""
    title: str
    context: Callable[[M], dict[str, Any] | None]
    """The template's variables besides what the page has; None leaves the section out."""


def picture(plot: Plot[M], material: M) -> Markup | None:
    """Return a plot as inline SVG, or None when there is nothing to draw."""
    figure = plot.figure(material)
    if figure is None:
        return None
    # The text inside was escaped by the SVG writer and went through an XML parser since.
    return Markup(inline_svg(figure, plot.name, plot.title))  # noqa: S704
