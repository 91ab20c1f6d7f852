"""The sections of an optimization's report, in reading order.

To add one: a context and an entry here, and a template of its name in ``templates/optimize``.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.optimize_rows import (
    interaction_lines,
    log_headers,
    log_rows,
    memory_line,
    method_line,
    rejected_headers,
    rejected_rows,
    result_rows,
)
from llamabuild.report.plots.plot import Plot
from llamabuild.report.plots.waterfall import draw_waterfall
from llamabuild.report.sections.machine import facts
from llamabuild.report.sections.section import Section, picture

if TYPE_CHECKING:
    from llamabuild.report.optimize_material import OptimizeMaterial

GOOD, WARN, BAD = "good", "warn", "bad"
WATERFALL = Plot("waterfall", "Speed against the baseline, change by change", draw_waterfall)
OPTIMIZE_PLOTS = (WATERFALL,)


def _answer(material: OptimizeMaterial) -> dict[str, Any]:
    document = material.document
    marks = {"reached": GOOD, "not shown": WARN, "not reached": BAD}
    checks = [
        (marks[each.target], f"{each.workload}: target {each.target}", _detail(cells))
        for each, cells in zip(document.reached, result_rows(document), strict=True)
    ]
    if document.noisy:
        checks.append((BAD, "Too noisy", "the baseline's copy came out different from it"))
    elif document.accepted:
        headline = "Confirmed on fresh blocks" if document.confirmed else "Partly confirmed"
        detail = numbers.count(len(document.accepted), "change")
        checks.append((GOOD if document.confirmed else WARN, headline, detail))
    if memory := memory_line(document):
        checks.append((GOOD, "Memory", memory))
    return {"answer": document.answer, "checks": checks, "method": method_line(document)}


def _detail(cells: tuple[str, ...]) -> str:
    ratio, of_bound = cells[1], cells[3:]
    return f"{ratio}; of the machine's bound {of_bound[0]}" if of_bound else ratio


def _log(material: OptimizeMaterial) -> dict[str, Any]:
    document = material.document
    notes = [*interaction_lines(document), *map(numbers.sentence, document.notes)]
    return {
        "headers": log_headers(document),
        "rows": log_rows(document),
        "notes": notes,
        "picture": picture(WATERFALL, material),
    }


def _rejected(material: OptimizeMaterial) -> dict[str, Any] | None:
    document = material.document
    if not document.rejected and not document.left_out:
        return None
    return {"headers": rejected_headers(document), "rows": rejected_rows(document)}


def _deploy(material: OptimizeMaterial) -> dict[str, Any] | None:
    deployment = material.document.deployment
    return None if deployment is None else {"notes": deployment.notes}


def _stages(_material: OptimizeMaterial) -> dict[str, Any]:
    return {}


def _machine(material: OptimizeMaterial) -> dict[str, Any]:
    machine = material.document.machine
    return {"facts": facts(machine), "command": shlex.join(material.document.run.command)}


OPTIMIZE_SECTIONS: tuple[Section[OptimizeMaterial], ...] = (
    Section("answer", "", _answer),
    Section("log", "Optimization log", _log),
    Section("deploy", "Take it with you", _deploy),
    Section("rejected", "Not in the result", _rejected),
    Section("stages", "Stages", _stages),
    Section("machine", "Machine", _machine),
)
