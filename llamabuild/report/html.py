"""The self-contained HTML page."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
from markupsafe import Markup, escape

from llamabuild.report import numbers
from llamabuild.report.kernel_sections import KERNEL_SECTIONS
from llamabuild.report.optimize_sections import OPTIMIZE_SECTIONS
from llamabuild.report.palette import VERDICT_MARK, VERDICT_ROLE, css_variables
from llamabuild.report.profile_sections import profile_sections
from llamabuild.report.sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.report.material import Material
    from llamabuild.report.optimize_material import OptimizeMaterial
    from llamabuild.report.profile_document import ProfileDocument
    from llamabuild.report.sections.section import Section

M = TypeVar("M")

_STRONG = re.compile(r"(\d[\d.]*×)")
_RANGE = re.compile(r"(\[[^\]<]*\])")


def render_html(material: Material) -> str:
    """Return the whole page; it loads nothing and runs no script but its own.

    Everything that came from outside is escaped, and a content security policy with the hash of
    the one script stops anything that would slip through.
    """
    document = material.document
    title = f"llama.cpp builds on {document.machine.cpu.brand}"
    return render_page(material, SECTIONS, "sections", {"document": document, "title": title})


def render_kernels_html(material: KernelMaterial) -> str:
    """Return the page of a run of ``kernels``; as :func:`render_html`."""
    document = material.document
    title = f"Kernels and limits of {document.machine.cpu.brand}"
    return render_page(material, KERNEL_SECTIONS, "kernels", {"document": document, "title": title})


def render_optimize_html(material: OptimizeMaterial) -> str:
    """Return the page of an optimization; as :func:`render_html`."""
    document = material.document
    title = f"The fastest llama.cpp on {document.machine.cpu.brand}"
    return render_page(
        material, OPTIMIZE_SECTIONS, "optimize", {"document": document, "title": title}
    )


def render_profile_html(document: ProfileDocument) -> str:
    """Return the page of a run of ``profile``; as :func:`render_html`."""
    title = f"Profile of {document.variant} on {document.machine.cpu.brand}"
    sections = profile_sections(document)
    return render_page(document, sections, "profile", {"document": document, "title": title})


def render_page(
    material: M, sections: Iterable[Section[M]], folder: str, shared: dict[str, object]
) -> str:
    """Return a page of sections.

    Args:
        material: What each section's context is made from.
        sections: In reading order.
        folder: Of their templates.
        shared: What every template has, ``document`` and ``title`` among it.
    """
    environment = _environment()
    script = _template_text("sort.js")
    bodies = []
    for section in sections:
        context = section.context(material)
        if context is not None:
            # Sections of one kind share a template: what is behind the hyphen is which one it is.
            kind = section.name.partition("-")[0]
            template = environment.get_template(f"{folder}/{kind}.html")
            # The template escaped what it was given.
            bodies.append((section, Markup(template.render(**shared, **context))))  # noqa: S704
    return environment.get_template("page.html").render(
        **shared,
        sections=bodies,
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=_csp_hash(script),
        style=Markup(_style()),  # noqa: S704 - our own file
    )


def prose(text: str) -> Markup:
    """Return a sentence with backticked names as code and ratios in bold, the rest escaped."""
    pieces = []
    for place, piece in enumerate(text.split("`")):
        if place % 2:
            pieces.append(Markup("<code>{}</code>").format(piece))
        else:
            strong = _STRONG.sub(r"<strong>\1</strong>", str(escape(piece)))
            whole = _RANGE.sub(r'<span class="whole">\1</span>', strong)
            pieces.append(Markup(whole))  # noqa: S704 - escaped above
    return Markup("").join(pieces)


@functools.cache  # and with it the compiled templates
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("llamabuild.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "throughput": numbers.throughput,
        "percent": numbers.percent,
        "part": numbers.part,
        "probability": numbers.probability,
        "small": numbers.small,
        "size": numbers.size,
        "binary": numbers.binary_size,
        "operations": numbers.operations,
        "seconds": numbers.seconds,
        "moment": numbers.moment,
        "sentence": numbers.sentence,
        "prose": prose,
    }
    environment.filters.update(filters)
    environment.globals.update(
        ratio=numbers.ratio,
        interval=numbers.interval,
        count=numbers.count,
        role=VERDICT_ROLE.get,
        mark=VERDICT_MARK.get,
    )
    return environment


def _style() -> str:
    dark = f":root {{ {css_variables('dark')} }}"
    return (
        f":root {{ {css_variables('light')} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"
        + _template_text("style.css")
    )


def _template_text(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
