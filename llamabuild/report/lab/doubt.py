"""Whether the limits of the machine were measured well enough to be limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.roofline.facts import facts
from llamabuild.roofline.records import MEMORY_BOUND

if TYPE_CHECKING:
    from llamabuild.report.lab.material import LabMaterial


def probe_doubt(lab: LabMaterial) -> str:
    """Say which run read more than the probed bandwidth, and what follows; empty if none did.

    What is faster than a bound shows that the bound is too low: then no share of it is a reason to
    give anything up.
    """
    found = [
        (share.bandwidth_share, share.variant, share.workload, material.run.id)
        for material in lab.runs.values()
        for share in material.document.roofline.shares
        if share.bandwidth_share is not None
    ]
    if (challenge := lab.challenge) is not None:
        found += [
            (bound.after, challenge.final, bound.workload, challenge.run.id)
            for bound in challenge.bounds
            if bound.verdict == MEMORY_BOUND
        ]
    if not found:
        return ""
    most, variant, workload, run = max(found)
    if most <= facts().impossible_share:
        return ""
    return (
        f"`{variant}` reads {numbers.part(most)} of the probed bandwidth at {workload} "
        f"(run {run}): the probes did not see the memory at its best, so that shares of bounds in "
        "this report are too large. A further lab measures them again."
    )
