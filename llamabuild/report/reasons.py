"""Why builds have no results, or only some: those with the same reason are told together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult

READY = "ready"
"""Status of a build that was timed; a workload may have failed all the same."""
UNSUPPORTED = "unsupported"
"""Status of what this machine cannot build or run."""


def by_reason(variants: Iterable[VariantResult]) -> dict[tuple[str, str], list[str]]:
    """Return the names by status and reason, without builds that have neither to tell."""
    found: dict[tuple[str, str], list[str]] = {}
    for variant in variants:
        if variant.reason or variant.status != READY:
            found.setdefault((variant.status, variant.reason), []).append(variant.name)
    return found
