"""Builds that were timed although their output was not compared with the baseline's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.ranking import is_measured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult

NOT_CHECKED = "not checked"


def unchecked(variants: Iterable[VariantResult]) -> list[VariantResult]:
    """Return those that have results but whose output nobody looked at.

    Such as a prebuilt program without a llama-perplexity beside it, or another tree whose own
    refuses the text.
    """
    return [v for v in variants if v.equivalence.verdict == NOT_CHECKED and is_measured(v)]


def unchecked_reasons(variants: Iterable[VariantResult]) -> dict[str, list[str]]:
    """Return why they were not checked, each reason with its builds."""
    found: dict[str, list[str]] = {}
    for variant in unchecked(variants):
        reason = variant.equivalence.reason or "the run does not say why"
        found.setdefault(reason, []).append(variant.name)
    return found
