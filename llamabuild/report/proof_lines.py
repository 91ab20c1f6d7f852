"""What ran, whose malloc, which profile, at what cost: one line each, for text and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.allocators import allocations
from llamabuild.report.execution import summary, unsampled

if TYPE_CHECKING:
    from llamabuild.report.cost_document import Cost
    from llamabuild.report.document import Document
    from llamabuild.types.build import Profile

FEW = 4


def execution_lines(document: Document) -> list[str]:
    """Return where the time went, builds that agree in one line."""
    lines = []
    for ran in summary(document.variants):
        names = some(ran.variants)
        spread = ""
        if numbers.percent(ran.low, 0) != numbers.percent(ran.high, 0):
            low = numbers.percent(ran.low, 0).split("\u00a0", maxsplit=1)[0]
            spread = f"; {low} to {numbers.percent(ran.high, 0)}"
        lines.append(f"{ran.sentence} ({names}{spread})")
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
        promise = "" if found.expected else " (nothing promised)"
        verdict = f"malloc is {found.library}{promise}" if found.passed else found.reason
        parts = [verdict]
        if row.huge_share is not None:
            parts.append(f"{numbers.part(row.huge_share)} of its memory on huge pages")
        if row.minor_faults is not None:
            parts.append(f"{row.minor_faults:,.0f} page faults a trial of {row.workload}")
        lines.append(f"{row.variant}: {', '.join(parts)}")
    if others:
        lines.append(others)
    return lines


def profile_lines(document: Document) -> list[str]:
    """Return the profile that went into each build."""
    return [
        f"{variant.name}: {profile_words(profile)}"
        for variant in document.variants
        if variant.build is not None
        for profile in variant.build.profiles
    ]


def profile_words(profile: Profile) -> str:
    """Return what a profile was made from and how much of the program it saw."""
    return (
        f"{profile.kind} profile {profile.sha256[:12]}, {profile.trained:,} of "
        f"{profile.functions:,} functions trained on {profile.model}"
    )


def cost_line(cost: Cost) -> str:
    """Return the sum of the builds' costs; empty without builds."""
    if not cost.builds:
        return ""
    text = (
        f"{numbers.count(cost.builds, 'build')}: {numbers.seconds(cost.seconds)}, "
        f"{numbers.seconds(cost.cpu_seconds)} of CPU time"
    )
    if cost.multiple is not None:
        full = numbers.seconds(cost.full_build_seconds)
        text += f"; {cost.multiple:.1f} times the first full build ({cost.full_build}, {full})"
    return text


def some(names: tuple[str, ...] | list[str], limit: int = FEW) -> str:
    """Write the first names, and how many more there are."""
    if len(names) <= limit + 1:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {numbers.count(len(names) - limit, 'other')}"
