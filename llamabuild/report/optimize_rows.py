"""The optimization log as rows of text, for every form that has a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.optimize_document import ratio_text
from llamabuild.roofline.facts import facts

if TYPE_CHECKING:
    from llamabuild.report.optimize_document import Bounded, OptimizeDocument

PLUS = " + "


def log_headers(document: OptimizeDocument) -> tuple[str, ...]:
    """Return the headers of the log."""
    goal = f"goal '{document.goal}'"
    each = [f"impact on {load}" for load in document.workloads]
    return ("change", f"impact on {goal}", *each, "all so far", "all against all but it")


def log_rows(document: OptimizeDocument) -> list[tuple[str, ...]]:
    """Return the baseline, each accepted change, and what is reached."""
    none = ("",) * len(document.workloads)
    rows = [(document.base, "baseline", *none, "1.00×", "")]
    for change in document.accepted:
        loads = [ratio_text(change.impacts.get(load)) for load in document.workloads]
        rows.append(
            (
                f"+ {PLUS.join(change.change)}",
                ratio_text(change.impact),
                *loads,
                ratio_text(change.cumulative),
                ratio_text(change.without),
            )
        )
    return rows


def result_headers(document: OptimizeDocument) -> tuple[str, ...]:
    """Return the headers of what was reached."""
    heads = ("workload", f"against {document.base}", "target")
    return (*heads, "of the machine's bound") if document.bounds else heads


def result_rows(document: OptimizeDocument) -> list[tuple[str, ...]]:
    """Return for each workload what was reached, whether that is the target, and what is left."""
    bounds = {each.workload: each for each in document.bounds}
    rows: list[tuple[str, ...]] = []
    for each in document.reached:
        row = (each.workload, ratio_text(each.effect), f"{document.target:g}× {each.target}")
        rows.append((*row, _bound_text(bounds.get(each.workload))) if document.bounds else row)
    return rows


def _bound_text(bound: Bounded | None) -> str:
    """``62 % before, 79 % after (memory-bound)``."""
    if bound is None:
        return numbers.MISSING
    before = f"{numbers.part(bound.before)} before, " if bound.before is not None else ""
    beyond = bound.after > facts().impossible_share
    said = "more than was probed: measure the limits again" if beyond else bound.verdict
    return f"{before}{numbers.part(bound.after)} after ({said})"


def rejected_rows(document: OptimizeDocument) -> list[tuple[str, ...]]:
    """Return every choice that was measured and is not in the result."""
    return [
        (
            each.part,
            each.lever,
            ratio_text(each.effect),
            *(ratio_text(each.impacts.get(load)) for load in document.workloads),
            f"{each.reason} ({each.stage})" if each.stage else each.reason,
        )
        for each in document.rejected
    ]


def rejected_headers(document: OptimizeDocument) -> tuple[str, ...]:
    """Return their headers."""
    return ("choice", "lever", f"goal '{document.goal}'", *document.workloads, "why not")


def interaction_lines(document: OptimizeDocument) -> list[str]:
    """Say of each pair of a family what it does alone and together."""
    return [
        f"{PLUS.join(pair.parts)}: {numbers.ratio(pair.together)} together, alone "
        f"{numbers.listing([numbers.ratio(ratio) for ratio in pair.alone])}"
        for pair in document.interactions
    ]


def memory_line(document: OptimizeDocument) -> str:
    """Say what the programs' peak memory was before and after; empty if it is not known."""
    known = {name: size for name, size in document.peak_bytes.items() if size}
    if document.base not in known:
        return ""
    before = numbers.size(known[document.base])
    if document.final not in known or document.final == document.base:
        return f"Peak memory: {before}."
    return f"Peak memory: {before} before, {numbers.size(known[document.final])} after."


def method_line(document: OptimizeDocument) -> str:
    """Say how it was found."""
    stages = numbers.count(len(document.stages), "stage")
    tried = numbers.count(document.tried, "configuration")
    spent = numbers.seconds(document.run.spent_seconds)
    return (
        f"{tried} in {stages}; {spent} of {numbers.seconds(document.run.budget_seconds)}; "
        f"seed {document.run.seed}; optimization {document.run.id}"
    )
