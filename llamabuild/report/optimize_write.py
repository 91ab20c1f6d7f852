"""Render an optimization in any format, and write the whole report into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.report.optimize_markdown import render_optimize_markdown
from llamabuild.report.optimize_material import load_optimization
from llamabuild.report.optimize_text import render_optimize_text
from llamabuild.report.write import HTML_NAME, render_json, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.report.optimize_material import OptimizeMaterial


def render_optimization(record_id: str, form: str) -> str:
    """Return an optimization as ``text``, ``json``, ``md`` or ``html``.

    Raises:
        BadInput: There is no such optimization or format.
    """
    if form not in FORMATS:
        message = f"an optimization has no format '{form}'"
        raise BadInput(message, f"use {', '.join(FORMATS)}; its runs have their own")
    return FORMATS[form](load_optimization(record_id))


def write_optimization(record_id: str, folder: Path) -> Path:
    """Write every rendering into a folder and return the path of the HTML page.

    The folder then holds ``report.html``, ``results.json``, ``results.md``, ``results.txt``,
    ``plots/`` and, once there is a result, ``deploy/``; each file appears whole or not at all.

    Raises:
        BadInput: There is no such optimization.
        EnvironmentLacks: The folder cannot be written.
    """
    from llamabuild.report.optimize_sections import OPTIMIZE_PLOTS  # noqa: PLC0415 - slow to load
    from llamabuild.report.plots.figure import as_bytes  # noqa: PLC0415

    material = load_optimization(record_id)
    texts = {
        "results.json": FORMATS["json"](material),
        "results.md": FORMATS["md"](material),
        "results.txt": FORMATS["text"](material),
        **{f"deploy/{name}": text for name, text in material.document.files.items()},
    }
    for name, text in texts.items():
        write_file(folder / name, text.encode())
    for plot in OPTIMIZE_PLOTS:
        figure = plot.figure(material)
        if figure is not None:
            for kind in ("svg", "png"):
                write_file(folder / "plots" / f"{plot.name}.{kind}", as_bytes(figure, kind))
    page = folder / HTML_NAME
    write_file(page, _html(material).encode())
    return page


def _html(material: OptimizeMaterial) -> str:
    from llamabuild.report.html import render_optimize_html  # noqa: PLC0415 - slow to load

    return render_optimize_html(material)


FORMATS: dict[str, Callable[[OptimizeMaterial], str]] = {
    "text": lambda material: render_optimize_text(material.document),
    "json": lambda material: render_json(material.document),
    "md": lambda material: render_optimize_markdown(material.document),
    "html": _html,
}
