"""Render a run in any format, and write the whole report into a folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.report.csv import comparisons_csv, costs_csv, executions_csv, sweep_csv, trials_csv
from llamabuild.report.markdown import render_markdown
from llamabuild.report.material import load
from llamabuild.report.text import render_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.report.material import Material

HTML_NAME = "report.html"


def render(run_id: str, form: str) -> str:
    """Return a run as ``text``, ``json``, ``csv`` (one row a trial), ``md`` or ``html``.

    Raises:
        BadInput: There is no such run or format.
    """
    if form not in FORMATS:
        message = f"unknown format '{form}'"
        raise BadInput(message, did_you_mean(form, FORMATS) or f"use {', '.join(FORMATS)}")
    return FORMATS[form](load(run_id))


def render_json(document: msgspec.Struct) -> str:
    """Return the JSON document, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def write_report(run_id: str, folder: Path) -> Path:
    """Write every rendering of a run into a folder and return the path of the HTML page.

    Each file appears whole or not at all. The folder then holds ``report.html``,
    ``results.json``, ``results.md``, ``comparisons.csv``, ``trials.csv``, ``build-cost.csv``,
    ``executions.csv`` where something was sampled, ``sweep.csv`` of a sweep, and ``plots/``.

    Raises:
        BadInput: There is no such run.
        EnvironmentLacks: The folder cannot be written.
    """
    return write_material(load(run_id), folder)


def write_material(material: Material, folder: Path) -> Path:
    """Write every rendering of a loaded run; see :func:`write_report`."""
    from llamabuild.report.plots import PLOTS  # noqa: PLC0415 - matplotlib is slow to load
    from llamabuild.report.plots.figure import as_bytes  # noqa: PLC0415

    texts = {
        "results.json": render_json(material.document),
        "results.md": render_markdown(material.document),
        "comparisons.csv": comparisons_csv(material),
        "trials.csv": trials_csv(material),
        "build-cost.csv": costs_csv(material),
    }
    if any(variant.executions for variant in material.document.variants):
        texts["executions.csv"] = executions_csv(material)
    if material.document.sweep:
        texts["sweep.csv"] = sweep_csv(material)
    for name, text in texts.items():
        write_file(folder / name, text.encode())
    for plot in PLOTS:
        figure = plot.figure(material)
        if figure is not None:
            for kind in ("svg", "png"):
                write_file(folder / "plots" / f"{plot.name}.{kind}", as_bytes(figure, kind))
    page = folder / HTML_NAME
    write_file(page, _html(material).encode())
    return page


def write_file(path: Path, content: bytes) -> None:
    """Write a file beside its final place and rename it there.

    Raises:
        EnvironmentLacks: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        message = f"cannot write {path} ({error.strerror or error})"
        raise EnvironmentLacks(message, "choose a folder that you can write") from error


def _html(material: Material) -> str:
    from llamabuild.report.html import render_html  # noqa: PLC0415 - matplotlib is slow to load

    return render_html(material)


FORMATS: dict[str, Callable[[Material], str]] = {
    "text": lambda material: render_text(material.document),
    "json": lambda material: render_json(material.document),
    "csv": trials_csv,
    "md": lambda material: render_markdown(material.document),
    "html": _html,
}
