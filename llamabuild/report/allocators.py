"""Which builds have something to tell about their memory, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report import numbers

if TYPE_CHECKING:
    from llamabuild.report.document import Document, VariantResult, WorkloadResult
    from llamabuild.types.proof import Allocation

LEAST_HUGE = 0.005
"""Smaller shares of memory on huge pages come from libraries, not from an allocator."""
LEAST_DIFFERENCE = 0.05
"""Share by which a build's memory on huge pages differs from the baseline's, to be told: where the
system gives huge pages to everybody, some of libc's lie on them too."""

READING = "no-mmap"
"""The catalogue's variant that the allocators' variants extend, without an allocator."""


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """One build."""

    variant: str
    allocation: Allocation
    how: str
    """``preload``, ``link`` or empty."""
    huge_share: float | None
    weights_share: float | None
    workload: str
    """The one that faults, peak and result are of: token generation where there is some."""
    minor_faults: float | None
    peak_bytes: float | None
    result: WorkloadResult | None


def allocations(document: Document) -> tuple[list[AllocationRow], str]:
    """Return the rows worth telling and those to compare them with, and one line for the rest.

    Those are the baseline and the variant that only reads its weights, as allocators' variants do.

    No rows when no build promised an allocator nor has another share on huge pages.
    """
    kinds = [workload.kind for workload in document.run.workloads]
    place = kinds.index("tg") if "tg" in kinds else 0
    known = [_row(v, v.allocation, place) for v in document.variants if v.allocation is not None]
    usual = next((row.huge_share for row in known if row.variant == document.baseline), None)
    telling = {row.variant for row in known if _tells(row, usual or 0.0)}
    if not telling:
        return [], ""
    shown = [row for row in known if row.variant in {*telling, document.baseline, READING}]
    names = {row.variant for row in shown}
    rest = [row for row in known if row.variant not in names]
    return shown, _others(rest)


def huge_share(allocation: Allocation) -> float | None:
    """Return the share of resident memory on huge pages; None where it was not read."""
    if allocation.huge_bytes is None or not allocation.resident_bytes:
        return None
    return allocation.huge_bytes / allocation.resident_bytes


def weights_share(allocation: Allocation) -> float | None:
    """Return the share of the weights' mappings on huge pages; None where it was not read."""
    if allocation.weights_huge_bytes is None or not allocation.weights_bytes:
        return None
    return allocation.weights_huge_bytes / allocation.weights_bytes


def _row(variant: VariantResult, allocation: Allocation, place: int) -> AllocationRow:
    result = variant.workloads[place] if variant.workloads else None
    return AllocationRow(
        variant=variant.name,
        allocation=allocation,
        how=variant.settings.allocator.how if variant.settings else "",
        huge_share=huge_share(allocation),
        weights_share=weights_share(allocation),
        workload=result.name if result else "",
        minor_faults=result.minor_faults if result else None,
        peak_bytes=result.peak_rss_bytes if result else None,
        result=result,
    )


def _tells(row: AllocationRow, usual: float) -> bool:
    share = row.huge_share
    return (
        bool(row.allocation.expected)
        or not row.allocation.passed
        or (share is not None and abs(share - usual) >= LEAST_DIFFERENCE)
    )


def _others(rows: list[AllocationRow]) -> str:
    if not rows:
        return ""
    libraries = sorted({row.allocation.library for row in rows if row.allocation.library})
    number = numbers.count(len(rows), "other build")
    whose = numbers.listing(libraries) or "an unknown library"
    text = f"{number}: malloc of {whose}"
    shares = [row.huge_share for row in rows if row.huge_share is not None]
    if len(shares) < len(rows):  # of a build whose memory could not be read nobody knows
        return text
    if max(shares) < LEAST_HUGE:
        return f"{text}, no memory on huge pages"
    return f"{text}, {numbers.wholes(min(shares), max(shares))} on huge pages"
