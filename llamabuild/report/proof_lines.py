"""Unchecked output, what ran, whose malloc, which profile, at what cost: for text and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.allocators import LEAST_HUGE, allocations
from llamabuild.report.execution_summary import methods, summary, unsampled, waited
from llamabuild.report.unchecked import unchecked_reasons

if TYPE_CHECKING:
    from llamabuild.report.cost_document import Cost, CostRow
    from llamabuild.report.document import Document
    from llamabuild.types.build import Profile

FEW = 4
BUILD_COST = "Build cost"
"""Title of the last of them."""
BUILD_FAILED = "build failed"
NO_MULTIPLE = "no stock build from nothing in the store, so no multiple"


def proof_lines(document: Document) -> list[tuple[str, list[str]]]:
    """Return titles with their lines; without those that have none."""
    found = [
        ("Output", output_lines(document)),
        ("What ran", execution_lines(document)),
        ("Memory", allocation_lines(document)),
        ("Profiles", profile_lines(document)),
        (BUILD_COST, cost_lines(document.cost)),
    ]
    return [(title, lines) for title, lines in found if lines]


def output_lines(document: Document) -> list[str]:
    """Return which builds were timed although their output was not compared, and why not."""
    return [
        f"not checked, timed all the same: {some(names)}: {reason}"
        for reason, names in unchecked_reasons(document.variants).items()
    ]


def execution_lines(document: Document) -> list[str]:
    """Return where the time went, builds that agree in one line."""
    told = [*summary(document.variants), *waited(document.variants)]
    lines = [f"{item.sentence} ({some(item.variants)})" for item in told]
    how = methods(document.variants)
    if how:
        lines.append(f"sampled by {how}, outside of all timing")
    lines += [
        f"what ran in {some(names)} is not known: {reason}"
        for reason, names in unsampled(document.variants).items()
    ]
    return lines


def allocation_lines(document: Document) -> list[str]:
    """Return whose malloc answered and where the memory lay."""
    shown, others = allocations(document)
    lines = []
    for row in shown:
        found = row.allocation
        parts = [f"malloc of {found.library}" if found.passed else found.reason]
        if row.huge_share is not None:
            share = numbers.part(row.huge_share) if row.huge_share >= LEAST_HUGE else "nothing"
            share += " on huge pages"
            if row.weights_share is not None and row.huge_share >= LEAST_HUGE:
                share += f" ({numbers.part(row.weights_share)} where the weights lie)"
            parts.append(share)
        if row.minor_faults is not None:
            parts.append(f"{row.minor_faults:,.0f} page faults a trial of {row.workload}")
        lines.append(f"{row.variant}: {', '.join(parts)}")
    if others:
        lines.append(others)
    return lines


def profile_lines(document: Document) -> list[str]:
    """Return each profile with the builds that it went into."""
    users: dict[str, list[str]] = {}
    for variant in document.variants:
        for profile in variant.build.profiles if variant.build else ():
            users.setdefault(profile_words(profile), []).append(variant.name)
    return [f"{words} (in {some(names)})" for words, names in users.items()]


def profile_words(profile: Profile) -> str:
    """Return what a profile was made from, by which run, and how much of the program that saw."""
    how = f" by {'; '.join(profile.training)}" if profile.training else ""
    return (
        f"{profile.kind} profile {profile.sha256[:12]}, {profile.trained:,} of "
        f"{profile.functions:,} functions trained on {profile.model}{how}"
    )


def cost_lines(cost: Cost) -> list[str]:
    """Return the sum of the builds' costs, and which builds cost nothing."""
    if not cost.builds:
        return []
    text = (
        f"{numbers.count(cost.builds, 'build')}: {numbers.seconds(cost.seconds)}, "
        f"{numbers.seconds(cost.cpu_seconds)} of CPU time"
    )
    if cost.multiple is not None:
        stock = f"{cost.full_build}, {numbers.seconds(cost.full_build_seconds)}"
        text += f"; {cost.multiple:.1f} times a stock build from nothing ({stock})"
    else:
        text += f"; {NO_MULTIPLE}"
    lines = [text]
    failed = [row.variant for row in cost.rows if row.why_none == BUILD_FAILED]
    if failed:
        lines.append(f"not counted, since they failed: {some(failed)}")
    free = [row.variant for row in cost.rows if row.shares]
    if free:
        lines.append(f"nothing to build for {some(free)}: they run a build of another")
    return lines


def cost_state(row: CostRow) -> str:
    """Return where a build came from, in words."""
    if row.why_none:
        return row.why_none
    if row.shares:
        return f"shares the build of {row.shares}: nothing to build"
    return "was there already" if row.cached else "built"


def some(names: tuple[str, ...] | list[str], limit: int = FEW, between: str = ", ") -> str:
    """Write the first names, and how many more there are."""
    if len(names) <= limit + 1:
        return between.join(names)
    return f"{between.join(names[:limit])} and {numbers.count(len(names) - limit, 'other')}"
