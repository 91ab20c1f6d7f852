"""The order in which builds are shown: what to use comes first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llamabuild.types.comparison import BASELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult, WorkloadResult


def ranked(variants: Iterable[VariantResult]) -> list[VariantResult]:
    """Return builds from fast to slow, by their mean ratio over the workloads.

    The baseline stands at 1×. Builds that lack results of some workloads follow, and then those
    without any, by status, as the run had them.
    """
    found = list(variants)
    measured = [variant for variant in found if is_measured(variant)]
    others = [variant for variant in found if not is_measured(variant)]
    measured.sort(key=lambda variant: (is_complete(variant), mean_log_ratio(variant)), reverse=True)
    others.sort(key=lambda variant: (variant.status != "ready", variant.status))
    return measured + others


def is_measured(variant: VariantResult) -> bool:
    """Whether there is a ratio for at least one workload."""
    return variant.status == "ready" and any(result.ratio for result in variant.workloads)


def is_complete(variant: VariantResult) -> bool:
    """Whether there is a ratio for every workload: a mean over some says nothing of the others."""
    return is_measured(variant) and all(result.ratio for result in variant.workloads)


def mean_log_ratio(variant: VariantResult) -> float:
    """Return the mean over workloads of ln(ratio); minus infinity without any."""
    logs = [math.log(result.ratio) for result in variant.workloads if result.ratio]
    return sum(logs) / len(logs) if logs else -math.inf


def overlap(one: WorkloadResult, other: WorkloadResult) -> bool:
    """Whether two intervals have a ratio in common, so that the run does not rank them.

    Too few blocks for a bound rule nothing out. What was not measured is not a rival.
    """
    if one.ratio is None or other.ratio is None:
        return False
    return not (apart(one, other) or apart(other, one))


def apart(faster: WorkloadResult, other: WorkloadResult) -> bool:
    """Whether one interval lies entirely above another."""
    low, high = bounds(faster)[0], bounds(other)[1]
    return low is not None and high is not None and low > high


def bounds(result: WorkloadResult) -> tuple[float | None, float | None]:
    """Return the interval of a ratio; the baseline is 1 by definition, without an interval."""
    return (1.0, 1.0) if result.verdict == BASELINE else (result.low, result.high)
