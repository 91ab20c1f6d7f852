"""At a glance whether to believe a run: what speaks for it and what against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import FAILED, PASSED
from llamabuild.report.proof_lines import some
from llamabuild.report.ranking import is_complete, is_measured
from llamabuild.report.reasons import UNSUPPORTED
from llamabuild.report.unchecked import unchecked

if TYPE_CHECKING:
    from llamabuild.report.document import Document

FEW = 6
GOOD, WARN, BAD = "good", "warn", "bad"
Check = tuple[str, str, str]
"""State, headline, detail."""


def checks(document: Document) -> list[Check]:
    """Return what speaks for and against believing this run."""
    found = [
        _measured(document),
        _noise(document),
        _instructions(document),
        _output(document),
        _allocators(document),
    ]
    return [check for check in found if check is not None]


def _measured(document: Document) -> Check:
    """Count results, not builds that were ready for some: a run may have been stopped.

    What this machine cannot run was not to be expected, and is told without a warning.
    """
    what = "point" if document.sweep else "build"
    unable = [variant.name for variant in document.variants if variant.status == UNSUPPORTED]
    able = [variant for variant in document.variants if variant.status != UNSUPPORTED]
    whole = [variant for variant in able if is_complete(variant)]
    partial = [v.name for v in able if is_measured(v) and not is_complete(v)]
    missing = [variant.name for variant in able if not is_measured(variant)]
    parts = []
    if partial:
        parts.append(f"not on every workload: {some(partial, FEW)}")
    if missing:
        parts.append(f"without results: {some(missing, FEW)}")
    details = parts or [f"every {what} that was asked for"]
    if unable:
        details = [*details, f"cannot run here: {some(unable, FEW)}"]
    headline = f"{len(whole)} of {len(able)} {what}s measured"
    return (WARN if parts else GOOD), headline, "; ".join(details)


def _noise(document: Document) -> Check | None:
    if not document.noise:
        return WARN, "Noise not measured", "no copy of the baseline ran along"
    if not document.blocks and document.discarded:
        blocks = numbers.count(len(document.discarded), "block")
        return BAD, "Nothing counted", f"{blocks} discarded: other programs used the machine"
    floor = max(item.floor for item in document.noise)
    if document.usable:
        detail = (
            f"a second copy of the baseline came out within {numbers.percent(floor)} of the first"
        )
        if not all(item.judged for item in document.noise):
            detail += (
                f", but {numbers.count(document.blocks, 'block')} cannot tell whether by chance"
            )
            return WARN, f"Noise floor {numbers.percent(floor)}, too few blocks to judge", detail
        return GOOD, f"Noise floor {numbers.percent(floor)}", detail
    biased = [item.workload for item in document.noise if not item.usable]
    detail = (
        f"two copies of the baseline differ at {numbers.listing(biased)}: not to be used as a gate"
    )
    return BAD, "Too noisy to trust", detail


def _instructions(document: Document) -> Check | None:
    verdicts = {
        variant.name: variant.inspection.verdict
        for variant in document.variants
        if variant.inspection.verdict in {PASSED, FAILED}
    }
    if not verdicts:
        return WARN, "SIMD not checked", "no build had expectations that were checked"
    failed = [name for name, verdict in verdicts.items() if verdict == FAILED]
    headline = f"SIMD as expected in {len(verdicts) - len(failed)} of {len(verdicts)}"
    detail = (
        f"not in: {some(failed, FEW)}" if failed else "read from the machine code of each build"
    )
    return (BAD if failed else GOOD), headline, detail


def _output(document: Document) -> Check | None:
    """Say also which builds were timed although nobody knows what they compute."""
    verdicts = {
        variant.name: variant.equivalence.verdict
        for variant in document.variants
        if variant.equivalence.verdict in {"same", "different"}
    }
    wrong = [name for name, verdict in verdicts.items() if verdict == "different"]
    unknown = [variant.name for variant in unchecked(document.variants)]
    parts = []
    if wrong:
        parts.append(f"different, therefore not timed: {some(wrong, FEW)}")
    if unknown:
        parts.append(f"not checked, timed all the same: {some(unknown, FEW)}")
    if not verdicts:
        nothing = "no build's output was compared with the baseline's"
        return WARN, "Output not checked", "; ".join(parts) or nothing
    headline = f"Same output in {len(verdicts) - len(wrong)} of {len(verdicts)}"
    if unknown:
        headline += f", {len(unknown)} not checked"
    detail = "; ".join(parts) or f"next-token probabilities match those of {document.baseline}"
    return (WARN if parts else GOOD), headline, detail


def _allocators(document: Document) -> Check | None:
    promised = [
        (variant.name, variant.allocation)
        for variant in document.variants
        if variant.allocation is not None and variant.allocation.expected
    ]
    if not promised:
        return None
    # Why differs: another malloc, no huge pages, a static program, a loader that said nothing.
    wrong = [
        f"{name} ({allocation.reason})" if allocation.reason else name
        for name, allocation in promised
        if not allocation.passed
    ]
    headline = f"Allocator in use in {len(promised) - len(wrong)} of {len(promised)}"
    detail = (
        f"not proved, therefore not timed: {some(wrong, FEW, '; ')}"
        if wrong
        else "malloc of the running process was the promised one"
    )
    return (WARN if wrong else GOOD), headline, detail
