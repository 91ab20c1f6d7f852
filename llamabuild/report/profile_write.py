"""Write a profile's page, document and flame graphs into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.report.flame import flame_svg
from llamabuild.report.profile_document import load_profile
from llamabuild.report.profile_text import render_profile
from llamabuild.report.write import render_json, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.report.profile_document import ProfileDocument

PAGE = "profile.html"


def render_stored_profile(run_id: str, form: str) -> str:
    """Return a run of ``profile`` as ``text`` and ``md``, which are the same, ``json`` or ``html``.

    Raises:
        BadInput: There is no such run or format.
    """
    from llamabuild.report.html import render_profile_html  # noqa: PLC0415 - slow to load

    forms: dict[str, Callable[[ProfileDocument], str]] = {
        "text": render_profile,
        "md": render_profile,
        "json": render_json,
        "html": render_profile_html,
    }
    if form not in forms:
        message = f"a profile has no format '{form}'"
        raise BadInput(message, f"use {', '.join(forms)}")
    return forms[form](load_profile(run_id))


def write_stored_profile(run_id: str, folder: Path) -> Path:
    """Do what :func:`write_profile` does, with a run of the store.

    Raises:
        BadInput: There is no such run.
        EnvironmentLacks: The folder cannot be written.
    """
    return write_profile(load_profile(run_id), folder)


def write_profile(document: ProfileDocument, folder: Path) -> Path:
    """Write every rendering of a profile and return the path of the HTML page.

    The folder then holds ``profile.html``, ``profile.json``, ``profile.md`` and a
    ``flame-WORKLOAD.svg`` for each workload whose calls are known; each file appears whole or not
    at all.

    Raises:
        EnvironmentLacks: The folder cannot be written.
    """
    from llamabuild.report.html import render_profile_html  # noqa: PLC0415 - slow to load

    texts = {"profile.json": render_json(document), "profile.md": render_profile(document)}
    for found in document.workloads:
        title = f"{document.variant}, {found.workload}"
        texts[f"flame-{found.workload}.svg"] = flame_svg(found.flame, title)
    for name, text in texts.items():
        if text:
            write_file(folder / name, text.encode())
    page = folder / PAGE
    write_file(page, render_profile_html(document).encode())
    return page
