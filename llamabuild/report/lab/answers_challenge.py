"""What the optimization answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.optimize_document import own_impacts, ratio_text
from llamabuild.report.optimize_rows import (
    interaction_lines,
    log_headers,
    log_rows,
    memory_line,
    method_line,
    rejected_headers,
    rejected_rows,
    result_headers,
    result_rows,
)

if TYPE_CHECKING:
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.optimize_document import OptimizeDocument

OF_BOUND, IN_RESULT = "of its bound", "in the result"


def target(lab: LabMaterial, part: str) -> Found:
    """Return whether the target was reached, on each workload."""
    document = _document(lab, part)
    return Found(
        text=document.answer,
        headers=result_headers(document),
        rows=tuple(result_rows(document)),
        notes=(method_line(document),),
        figures=_figures(document),
    )


def before_after(lab: LabMaterial, part: str) -> Found:
    """Return the baseline beside the result: speed and memory."""
    document = _document(lab, part)
    ratios = {each.workload: ratio_text(each.effect) for each in document.reached}
    shares = {each.workload: each for each in document.bounds}
    speeds = {each.workload: each for each in document.speeds}
    rows: list[tuple[str, ...]] = []
    for load in document.workloads:
        speed, share = speeds.get(load), shares.get(load)
        before = _speed(speed.before if speed else None)
        rows.append((load, before, numbers.part(share.before if share else None)))
        if ratios:
            after = _speed(speed.after if speed else None)
            of_bound = numbers.part(share.after if share else None)
            rows[-1] += (after, ratios.get(load, numbers.MISSING), of_bound)
    peaks = document.peak_bytes
    rows.append(("peak memory", numbers.size(peaks.get(document.base)), ""))
    if ratios:
        rows[-1] += (numbers.size(peaks.get(document.final)), "", "")
    heads = (document.final, "ratio", OF_BOUND) if ratios else ()
    text = f"From `{document.base}` to `{document.final}`. {memory_line(document)}".rstrip()
    return Found(
        text=text if ratios else f"Nothing was accepted: it stays at `{document.base}`.",
        headers=("what", document.base, OF_BOUND, *heads),
        rows=tuple(rows),
        figures=_figures(document),
    )


def _speed(median: float | None) -> str:
    return f"{numbers.throughput(median)} tokens/s" if median is not None else numbers.MISSING


def _figures(document: OptimizeDocument) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            label=each.workload,
            value=each.effect.ratio,
            low=each.effect.low,
            high=each.effect.high,
            unit=f"of the speed of {document.base}",
        )
        for each in document.reached
    )


def log(lab: LabMaterial, part: str) -> Found:
    """Return each accepted change with its own impact and the cumulative one."""
    document = _document(lab, part)
    if not document.accepted:
        return Found(text=f"No change was accepted: it stays at `{document.base}`.")
    most = max(document.accepted, key=lambda each: each.impact.ratio if each.impact else 0.0)
    alone = "by itself" if most is document.accepted[0] else "on top of those before it"
    return Found(
        text=f"`{' + '.join(most.change)}` brought most: {ratio_text(most.impact)} on the goal "
        f"`{document.goal}`, {alone}.",
        headers=log_headers(document),
        rows=tuple(log_rows(document)),
        notes=(*interaction_lines(document), *map(numbers.sentence, document.notes)),
        plots=("waterfall",),
    )


def rejected(lab: LabMaterial, part: str) -> Found:
    """Return what was measured and is not in the result."""
    document = _document(lab, part)
    if not document.rejected:
        return Found(text="Everything that was tried is part of the result.")
    return Found(
        text=f"{numbers.count(len(document.rejected), 'choice')} did not make it; with their "
        f"combinations {numbers.count(document.tried, 'configuration')} were tried.",
        headers=rejected_headers(document),
        rows=tuple(rejected_rows(document)),
        notes=_not_searched(document),
    )


def of_lever(lab: LabMaterial, lever: str) -> Found | None:
    """Return what the challenge measured of a lever's choices, in its result or not.

    Args:
        lab: All of it.
        lever: How their names begin; empty for a question that has none.
    """
    document = lab.challenge
    if document is None or document.noisy or not lever:
        return None
    own = [
        (each.part, own_impacts(each), "")
        for each in document.rejected
        if each.part.startswith(lever) and own_impacts(each)
    ]
    own += [
        (" + ".join(change.change), change.impacts, IN_RESULT)
        for change in document.accepted
        if any(part.startswith(lever) for part in change.change)
    ]
    if not own:
        return None
    said = [
        f"`{name}`{f' ({place})' if place else ''} runs at "
        + numbers.listing([f"{ratio_text(effect)} ({load})" for load, effect in impacts.items()])
        for name, impacts, place in own
    ]
    return Found(
        text=f"By the challenge: {numbers.listing(said)} of the speed without it.",
        headers=("choice", *document.workloads, "place"),
        rows=tuple(
            (name, *(ratio_text(impacts.get(load)) for load in document.workloads), place)
            for name, impacts, place in own
        ),
    )


def _not_searched(document: OptimizeDocument) -> tuple[str, ...]:
    """Say of all choices that were left out why, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for each in document.left_out:
        by_reason.setdefault(each.reason, []).append(f"`{each.part}`")
    return tuple(
        f"Not searched: {numbers.listing(parts)}: {reason}." for reason, parts in by_reason.items()
    )


def _document(lab: LabMaterial, part: str) -> OptimizeDocument:
    return lab.optimizations[part].document
