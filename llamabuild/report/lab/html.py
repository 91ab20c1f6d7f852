"""The page of a lab: sections of questions, each with its answer, table and picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from markupsafe import Markup

from llamabuild.report import numbers
from llamabuild.report.flame import flame_svg
from llamabuild.report.html import render_page
from llamabuild.report.lab.text import LEGEND
from llamabuild.report.optimize_sections import OPTIMIZE_PLOTS
from llamabuild.report.plots import PLOTS
from llamabuild.report.plots.kernel_plots import KERNEL_PLOTS
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llamabuild.report.lab.document import Answer, AnswerSection, LabDocument
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.plots.plot import Plot
    from llamabuild.types.profile import WorkloadProfile

FLAME = "flame"
M = TypeVar("M")
Context = dict[str, Any]


def render_lab_html(
    lab: LabMaterial, document: LabDocument, links: Mapping[str, str] | None = None
) -> str:
    """Return the whole page; it loads nothing, prints well, and runs no script but its own.

    Args:
        lab: All that was measured.
        document: What it says.
        links: Pages of the parts, where they are written beside it.
    """
    title = f"llama.cpp on {document.machine.cpu.brand}: the lab"
    shared = {"document": document, "title": title, "links": dict(links or {})}
    return render_page(lab, _sections(document), "lab", shared)


def _sections(document: LabDocument) -> list[Section[LabMaterial]]:
    return [
        Section("answer", "", _answer),
        *(Section(f"questions-{s.name}", s.title, _questions(s)) for s in document.sections),
        Section("insights", "Key insights", lambda _: {}),
        Section("recommendations", "Production recommendations", lambda _: {}),
        Section("parts", "What was done", lambda _: {}),
    ]


def _answer(lab: LabMaterial) -> Context:
    spent = numbers.seconds(lab.record.spent_seconds)
    return {"spent": f"{spent} of {numbers.seconds(lab.record.budget_seconds)}", "legend": LEGEND}


def _questions(section: AnswerSection) -> Callable[[LabMaterial], Context]:
    def context(lab: LabMaterial) -> Context:
        pictures = {answer.name: _pictures(lab, answer) for answer in section.answers}
        return {"section": section, "pictures": pictures}

    return context


def _pictures(lab: LabMaterial, answer: Answer) -> list[Markup]:
    """Return the pictures of the part's own report that belong to the answer."""
    drawn: list[Markup | None] = []
    wanted = answer.found.plots
    if answer.part in lab.runs:
        material = lab.runs[answer.part]
        drawn += [picture(_named(plot, answer), material) for plot in PLOTS if plot.name in wanted]
    if answer.part in lab.optimizations:
        found = lab.optimizations[answer.part]
        plots = [plot for plot in OPTIMIZE_PLOTS if plot.name in wanted]
        drawn += [picture(_named(plot, answer), found) for plot in plots]
    if answer.part in lab.kernels:
        kernels = lab.kernels[answer.part]
        drawn += [picture(_named(p, answer), kernels) for p in KERNEL_PLOTS if p.name in wanted]
    if answer.part in lab.profiles and FLAME in wanted:
        drawn += [_flame(each) for each in lab.profiles[answer.part].workloads]
    return [each for each in drawn if each is not None]


def _flame(found: WorkloadProfile) -> Markup | None:
    if not found.flame.stacks:
        return None
    title = f"Calls during {found.workload}, by {found.flame.unit}"
    # Escaped by the XML writer, from names that were cleaned.
    return Markup(flame_svg(found.flame, title, standalone=False))  # noqa: S704


def _named(plot: Plot[M], answer: Answer) -> Plot[M]:
    """Return the plot under a name of its own: a page of many sweeps has it many times."""
    return replace(plot, name=f"{answer.name}-{plot.name}", title=f"{answer.asks} {plot.title}")
