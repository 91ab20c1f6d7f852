"""The answer, where it was measured, and how to do it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.kernel_answer import format_sentences, kernel_answer
from llamabuild.report.sections.machine import facts

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import KernelMaterial

GOOD, WARN, BAD = "good", "warn", "bad"


def answer(material: KernelMaterial) -> dict[str, Any]:
    """Return the answer in words and what speaks for believing it."""
    found = [_correct(material), _settled(material), _clock(material)]
    return {
        "answer": kernel_answer(material),
        "sentences": format_sentences(material),
        "checks": [check for check in found if check is not None],
    }


def machine(material: KernelMaterial) -> dict[str, Any]:
    """Return the machine's facts."""
    here = material.run.machine
    return {"facts": facts(here), "features": here.cpu.features}


def repeat(material: KernelMaterial) -> dict[str, Any]:
    """Return the command."""
    return {"command": shlex.join(material.run.command)}


def _correct(material: KernelMaterial) -> tuple[str, str, str] | None:
    checked = [row for row in material.run.kernels if row.correct is not None]
    if not checked:
        return None
    wrong = sorted({row.function for row in checked if not row.correct})
    if wrong:
        return BAD, "Wrong results", f"therefore not timed: {', '.join(wrong)}"
    worst = max((row.max_error or 0.0 for row in checked), default=0.0)
    functions = numbers.count(len({row.function for row in checked}), "function")
    detail = f"largest error {numbers.small(worst)} of the sum of absolute terms"
    return GOOD, f"{functions} compute the right thing", detail


def _settled(material: KernelMaterial) -> tuple[str, str, str] | None:
    probes = material.run.probes
    if not probes:
        return WARN, "No probes", "this run did not measure the machine's limits: no bounds"
    settled = sum(probe.spread.stable for probe in probes)
    headline = f"{settled} of {len(probes)} probes settled"
    steal = sum(probe.spread.steal_seconds or 0.0 for probe in probes)
    detail = f"{numbers.seconds(steal)} of CPU time went to other guests meanwhile"
    return (GOOD if settled >= 0.8 * len(probes) else WARN), headline, detail


def _clock(material: KernelMaterial) -> tuple[str, str, str] | None:
    clock = material.run.clock
    if clock is None:
        return None
    low, high = clock.spread.low / 1e9, clock.spread.high / 1e9
    detail = f"quartiles {low:.2f} to {high:.2f} GHz, from a chain of additions"
    return (GOOD if clock.spread.stable else WARN), f"Clock {clock.hz / 1e9:.2f} GHz", detail
