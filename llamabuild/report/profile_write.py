"""Write a profile's page, document and flame graphs into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.flame import flame_svg
from llamabuild.report.profile_text import render_profile
from llamabuild.report.write import render_json, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.report.profile_document import ProfileDocument

PAGE = "profile.html"


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
