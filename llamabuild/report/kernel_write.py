"""Render a run of ``kernels`` in any format, and write the whole report into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.report.csv import rows_csv
from llamabuild.report.kernel_markdown import render_kernels_markdown
from llamabuild.report.kernel_material import load_kernels
from llamabuild.report.write import HTML_NAME, render_json, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.report.rows import Row

UNITS = {"value": "value_in_unit", "low": "ratio_low", "high": "ratio_high"}


def render_kernels(run_id: str, form: str) -> str:
    """Return a run as ``json``, ``csv`` (one row a kernel), ``md`` or ``html``.

    Raises:
        BadInput: There is no such run or format.
    """
    if form not in FORMATS:
        message = f"unknown format '{form}'"
        raise BadInput(message, did_you_mean(form, FORMATS) or f"use {', '.join(FORMATS)}")
    return FORMATS[form](load_kernels(run_id))


def write_kernels_report(run_id: str, folder: Path) -> Path:
    """Write every rendering of a run into a folder and return the path of the HTML page.

    The folder then holds ``report.html``, ``results.json``, ``results.md``, ``kernels.csv``,
    ``probes.csv`` and ``plots/``; each file appears whole or not at all.

    Raises:
        BadInput: There is no such run.
        EnvironmentLacks: The folder cannot be written.
    """
    return write_kernels_material(load_kernels(run_id), folder)


def write_kernels_material(material: KernelMaterial, folder: Path) -> Path:
    """Write every rendering of a loaded run; see :func:`write_kernels_report`."""
    from llamabuild.report.plots.figure import as_bytes  # noqa: PLC0415 - slow to load
    from llamabuild.report.plots.kernel_plots import KERNEL_PLOTS  # noqa: PLC0415

    texts = {
        "results.json": render_json(material.document),
        "results.md": render_kernels_markdown(material),
        "kernels.csv": kernels_csv(material),
        "probes.csv": probes_csv(material),
    }
    for name, text in texts.items():
        write_file(folder / name, text.encode())
    for plot in KERNEL_PLOTS:
        figure = plot.figure(material)
        if figure is not None:
            for kind in ("svg", "png"):
                write_file(folder / "plots" / f"{plot.name}.{kind}", as_bytes(figure, kind))
    page = folder / HTML_NAME
    write_file(page, _html(material).encode())
    return page


def kernels_csv(material: KernelMaterial) -> str:
    """Return one row a kernel."""
    return rows_csv(_rows(material.run.id, material.run.kernels))


def probes_csv(material: KernelMaterial) -> str:
    """Return one row a probe."""
    return rows_csv(_rows(material.run.id, material.run.probes))


def _rows(run_id: str, records: Iterable[msgspec.Struct]) -> list[Row]:
    rows = []
    for record in records:
        row: Row = {"run": run_id}
        for name, value in msgspec.structs.asdict(record).items():
            if isinstance(value, msgspec.Struct):
                fields = msgspec.structs.asdict(value)
                row |= {f"{name}_{inner}": number for inner, number in fields.items()}
            else:
                row[UNITS.get(name, name)] = value
        rows.append(row)
    return rows


def _html(material: KernelMaterial) -> str:
    from llamabuild.report.html import render_kernels_html  # noqa: PLC0415 - slow to load

    return render_kernels_html(material)


FORMATS: dict[str, Callable[[KernelMaterial], str]] = {
    "json": lambda material: render_json(material.document),
    "csv": lambda material: (kernels_csv if material.run.kernels else probes_csv)(material),
    "md": render_kernels_markdown,
    "html": _html,
}
