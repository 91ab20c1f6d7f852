"""How it was measured, with the numbers of this run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.answer import KIND_NAMES
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material
    from llamabuild.types.run import Workload


def _context(material: Material) -> dict[str, Any]:
    document = material.document
    run, schedule = document.run, document.run.schedule
    workloads = [
        f"{workload.name} ({KIND_NAMES.get(workload.kind, workload.kind)}, "
        f"{numbers.count(workload.tokens, 'token')}, "
        f"{_repeated(workload)})"
        for workload in run.workloads
    ]
    looks = [
        f"{blocks} blocks (error {alpha:g})"
        for blocks, alpha in zip(schedule.looks, schedule.alphas, strict=False)
    ]
    return {
        "program": material.run.program or "llama-bench",
        "workloads": numbers.listing(workloads),
        "looks": numbers.listing(looks, "or"),
        "left_out": _left_out(schedule.warmup_blocks, len(document.discarded)),
    }


def _repeated(workload: Workload) -> str:
    once = workload.max_repetitions == 1
    return "once a process" if once else f"repeated for about {workload.seconds:g} s"


def _left_out(warmup: int, discarded: int) -> str:
    if warmup == 0:
        first = "No block served as warm-up"
    elif warmup == 1:
        first = "The first block served as warm-up"
    else:
        first = f"The first {warmup} blocks served as warm-up"
    verb = "was" if discarded == 1 else "were"
    more = f"{discarded} more" if discarded else "none"
    return f"{first} and {more} {verb} discarded by a rule that does not look at timings"


METHOD = Section("method", "How it was measured", _context)
