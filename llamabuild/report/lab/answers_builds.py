"""What the comparison of builds answers, and that of kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.findings import DOUBT
from llamabuild.report.kernel_answer import format_sentences, kernel_answer
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.palette import VERDICT_MARK
from llamabuild.report.ranking import is_measured, ranked
from llamabuild.types.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.report.document import Document, VariantResult, WorkloadResult
    from llamabuild.report.lab.material import LabMaterial

PORTABLE = ("avx2", "armv8", "sse42", "generic")
"""What packages ship; the first that was measured stands for it."""
TRAINED, ALLOCATED = "optimization", "allocators"
"""Kinds of variants."""


def simd(lab: LabMaterial, part: str) -> Found:
    """Return the newest SIMD in each build, and what was seen to run."""
    document = lab.runs[part].document
    ready = [variant for variant in document.variants if variant.status == "ready"]
    rows = [
        (
            variant.name,
            variant.inspection.highest,
            variant.inspection.verdict,
            "; ".join(execution.sentence for execution in variant.executions),
        )
        for variant in ready
    ]
    own = next((variant for variant in ready if variant.name == document.baseline), None)
    if own is None:
        return Found(reason="the baseline was not inspected")
    ran = "; ".join(execution.sentence for execution in own.executions)
    holds = f"`{own.name}` holds {own.inspection.highest} at most"
    return Found(
        text=f"{holds}. {numbers.sentence(ran)}" if ran else "",
        reason="" if ran else f"{holds}; what ran of it could not be sampled",
        headers=("build", "newest SIMD", "as promised", "what ran"),
        rows=tuple(rows),
        plots=("execution", "isa"),
    )


def native_rebuild(lab: LabMaterial, part: str) -> Found:
    """Return what a build for this very CPU brings against one that packages ship."""
    document = lab.runs[part].document
    measured = {variant.name: variant for variant in document.variants if is_measured(variant)}
    portable = next((measured[name] for name in PORTABLE if name in measured), None)
    if portable is None:
        return Found(reason="no portable build was measured beside it")
    said = [f"{told(result)} at {result.name}" for result in portable.workloads]
    text = f"`{portable.name}` is {numbers.listing(said)} of the speed of `{document.baseline}`."
    return Found(
        text=_doubted(text, document),
        headers=_headers(document),
        rows=_rows([portable]),
        figures=_figures([portable]),
    )


def builds(lab: LabMaterial, part: str) -> Found:
    """Return all builds from fast to slow."""
    document = lab.runs[part].document
    order = ranked(v for v in document.variants if v.name != document.baseline)
    own = [variant for variant in document.variants if variant.name == document.baseline]
    floors = [
        f"{item.workload} {numbers.with_interval(item.ratio, item.low, item.high)}"
        for item in document.noise
    ]
    copy = f"A second copy of {document.baseline}, which is the same: {', '.join(floors)}"
    notes = [numbers.sentence(document.limits)] if document.limits else []
    notes += [numbers.sentence(copy)] if floors else []
    return Found(
        text=document.answer,
        headers=_headers(document),
        rows=_rows([*own, *order]),
        notes=(*notes, *(f.text for f in document.findings if f.topic == "no difference")),
        figures=_figures(order),
        plots=("ratios",),
    )


def training(lab: LabMaterial, part: str) -> Found:
    """Return what PGO and BOLT bring."""
    return _of_kind(lab, part, lambda v: v.kind == TRAINED and bool(_trained(v)))


def allocators(lab: LabMaterial, part: str) -> Found:
    """Return what another malloc brings."""
    return _of_kind(lab, part, lambda v: v.kind == ALLOCATED)


def own_kernels(lab: LabMaterial, part: str) -> Found:
    """Return how our kernels compare with those of ggml."""
    material = lab.kernels[part]
    rows = [tuple(line.replace("`", "").rstrip(".").split(": ", 1)) for line in
            format_sentences(material)]  # fmt: skip
    return Found(
        text=kernel_answer(material),
        headers=("format", "our fastest kernel"),
        rows=tuple(row for row in rows if len(row) == 2),  # noqa: PLR2004 - format and words
        plots=("kernels",),
    )


def told(result: WorkloadResult) -> str:
    """Write a ratio with its interval, or why there is none."""
    if result.ratio is None:
        return result.verdict
    ratio = numbers.ratio(result.ratio, result.low, result.high)
    return f"{ratio} {numbers.interval(result.ratio, result.low, result.high)}".rstrip()


def _of_kind(lab: LabMaterial, part: str, belongs: Callable[[VariantResult], bool]) -> Found:
    document = lab.runs[part].document
    own = ranked(v for v in document.variants if belongs(v) and v.name != document.baseline)
    measured = [variant for variant in own if is_measured(variant)]
    if not measured:
        why = "; ".join(f"{v.name}: {v.reason}" for v in own if v.reason)
        return Found(reason=why or lab.record.part(part).reason or "none of them was measured")
    said = []
    for verdict in (FASTER, SLOWER):
        shown = [
            f"`{variant.name}` {told(result)} at {result.name}"
            for variant in measured
            for result in variant.workloads
            if result.verdict == verdict
        ]
        said += [f"Shown to be {verdict}: {numbers.listing(shown)}."] if shown else []
    names = numbers.listing([f"`{variant.name}`" for variant in measured])
    text = " ".join(said) or f"No difference from `{document.baseline}` was shown: {names}."
    return Found(
        text=_doubted(text, document),
        headers=_headers(document),
        rows=_rows(own),
        figures=_figures(measured),
    )


def _doubted(text: str, document: Document) -> str:
    return text if document.usable else f"{text} But {DOUBT}"


def _trained(variant: VariantResult) -> bool:
    wishes = variant.settings.optimize if variant.settings else None
    return bool(wishes and (wishes.pgo or wishes.bolt))


def _headers(document: Document) -> tuple[str, ...]:
    heads = ["build"]
    for workload in document.run.workloads:
        heads += [f"{workload.name} ({workload.unit})", f"against {document.baseline}"]
    return (*heads, "peak memory")


def _rows(variants: Sequence[VariantResult]) -> tuple[tuple[str, ...], ...]:
    rows = []
    for variant in variants:
        cells = [variant.name]
        for place, result in enumerate(variant.workloads):
            mark = VERDICT_MARK.get(result.verdict, "")
            compared = f"{mark} {told(result)}".strip()
            if variant.status != "ready":
                compared = variant.reason if place == 0 else ""
            cells += [numbers.throughput(result.median), compared]
        peaks = [r.peak_rss_bytes for r in variant.workloads if r.peak_rss_bytes]
        rows.append((*cells, numbers.size(max(peaks, default=None))))
    return tuple(rows)


def _figures(variants: Sequence[VariantResult]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            label=f"{variant.name}, {result.name}",
            value=result.ratio,
            low=result.low,
            high=result.high,
            unit="of the baseline's speed",
        )
        for variant in variants
        for result in variant.workloads
        if result.ratio is not None
    )
