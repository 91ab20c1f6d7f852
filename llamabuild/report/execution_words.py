"""What ran during a workload, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers

if TYPE_CHECKING:
    from llamabuild.types.proof import Execution


def execution_sentence(execution: Execution) -> str:
    """Return the function with the largest share and its ISA groups, or why there is none."""
    if not execution.functions:
        return f"{execution.workload}: {execution.reason or 'nothing was sampled'}"
    top = execution.functions[0]
    share = numbers.percent(top.share, 0)
    groups = ", ".join(top.groups) or "no SIMD known"
    return f"{share} of {execution.workload} in {top.name}: {groups}"
