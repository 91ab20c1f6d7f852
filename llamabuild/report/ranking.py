"""The order in which builds are shown: what to use comes first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult, WorkloadResult


def ranked(variants: Iterable[VariantResult]) -> list[VariantResult]:
    """Return builds from fast to slow, by their mean ratio over the workloads.

    The baseline stands at 1×. Builds without results follow, by status, as the run had them.
    """
    found = list(variants)
    measured = [variant for variant in found if is_measured(variant)]
    others = [variant for variant in found if not is_measured(variant)]
    measured.sort(key=mean_log_ratio, reverse=True)
    others.sort(key=lambda variant: (variant.status != "ready", variant.status))
    return measured + others


def is_measured(variant: VariantResult) -> bool:
    """Whether there is a ratio for at least one workload."""
    return variant.status == "ready" and any(result.ratio for result in variant.workloads)


def mean_log_ratio(variant: VariantResult) -> float:
    """Return the mean over workloads of ln(ratio); minus infinity without any."""
    logs = [math.log(result.ratio) for result in variant.workloads if result.ratio]
    return sum(logs) / len(logs) if logs else -math.inf


def overlap(one: WorkloadResult, other: WorkloadResult) -> bool:
    """Whether two intervals have a ratio in common, so that the run does not rank them."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high
