"""Render a lab in any format, and write the whole report into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.kernel_write import write_kernels_material
from llamabuild.report.lab.assemble import lab_document
from llamabuild.report.lab.markdown import render_lab_markdown
from llamabuild.report.lab.material import load_lab
from llamabuild.report.lab.text import render_lab_text
from llamabuild.report.optimize_write import write_optimization
from llamabuild.report.profile_write import write_profile
from llamabuild.report.write import HTML_NAME, render_json, write_file, write_material

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.report.lab.document import LabDocument
    from llamabuild.report.lab.material import LabMaterial


def write_lab(lab: LabMaterial, document: LabDocument, folder: Path) -> Path:
    """Write every rendering into a folder and return the path of the HTML page.

    The folder then holds ``report.html``, ``results.json``, ``results.md`` and ``results.txt``, and
    for each part its own report in a folder of the part's name, which the page links to.

    Raises:
        EnvironmentLacks: The folder cannot be written.
    """
    from llamabuild.report.lab.html import render_lab_html  # noqa: PLC0415 - slow to load

    for name, form in FORMATS.items():
        write_file(folder / name, form(document).encode())
    own = {part: write_material(each, folder / part) for part, each in lab.runs.items()}
    for part, found in lab.optimizations.items():
        own[part] = write_optimization(found.document.run.id, folder / part)
    for part, profile in lab.profiles.items():
        own[part] = write_profile(profile, folder / part)
    for part, kernels in lab.kernels.items():
        own[part] = write_kernels_material(kernels, folder / part)
    links = {part: each.relative_to(folder).as_posix() for part, each in own.items()}
    page = folder / HTML_NAME
    write_file(page, render_lab_html(lab, document, links).encode())
    return page


def write_stored_lab(lab_id: str, folder: Path) -> Path:
    """Do what :func:`write_lab` does, with a lab of the store.

    Raises:
        BadInput: There is no such lab.
        EnvironmentLacks: The folder cannot be written.
    """
    lab = load_lab(lab_id)
    return write_lab(lab, lab_document(lab), folder)


def render_lab(lab_id: str, form: str) -> str:
    """Return a lab as ``text``, ``json``, ``md`` or ``html``.

    Raises:
        BadInput: There is no such lab or format.
    """
    from llamabuild.errors import BadInput  # noqa: PLC0415
    from llamabuild.report.lab.html import render_lab_html  # noqa: PLC0415 - slow to load

    lab = load_lab(lab_id)
    document = lab_document(lab)
    if form == "html":
        return render_lab_html(lab, document)
    if f"results.{ENDINGS.get(form)}" not in FORMATS:
        message = f"a lab has no format '{form}'"
        raise BadInput(message, f"use {', '.join(ENDINGS)} or html; its runs have their own")
    return FORMATS[f"results.{ENDINGS[form]}"](document)


ENDINGS = {"text": "txt", "json": "json", "md": "md"}
FORMATS: dict[str, Callable[[LabDocument], str]] = {
    "results.json": render_json,
    "results.md": render_lab_markdown,
    "results.txt": render_lab_text,
}
