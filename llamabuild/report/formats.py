"""A sweep over formats of the weights: what each costs in bytes and quality, and which pay."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.report import numbers
from llamabuild.report.formats_document import BY_DIVERGENCE, BY_SIZE, FormatInfo, FormatsInfo
from llamabuild.roofline.facts import facts as roofline_facts
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llamabuild.report.document import ModelInfo, VariantResult
    from llamabuild.report.sweep_document import SweepInfo, SweepPoint
    from llamabuild.roofline import Roofline
    from llamabuild.types.inputs import Model
    from llamabuild.types.run import Run

QUANTIZATION = "quantization"
GENERATION = "tg"


class Facts(Data, frozen=True):
    """``formats.toml``."""

    kl_limit: float
    unquantized: tuple[str, ...]
    block: int
    block_formats: tuple[str, ...]
    least_share: float


@cache
def facts() -> Facts:
    """Return the shipped facts."""
    text = files(__package__).joinpath("formats.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Facts)


class _Weighed(NamedTuple):
    """A point with what it costs and how fast it is."""

    point: SweepPoint
    cost: float
    speed: float


def with_formats(
    info: SweepInfo,
    run: Run,
    results: Mapping[str, VariantResult],
    roofline: Roofline,
    model: ModelInfo,
) -> SweepInfo:
    """Return a sweep with what its formats cost, if it has that axis.

    Args:
        info: Its points with their speeds.
        run: The run.
        results: By the arms' names.
        roofline: How near they come to what the machine allows.
        model: The run's own.
    """
    if QUANTIZATION not in {axis.name for axis in info.axes}:
        return info
    place = next((n for n, work in enumerate(run.workloads) if work.kind == GENERATION), 0)
    workload = run.workloads[place].name
    shares = {s.variant: s.bandwidth_share for s in roofline.shares if s.workload == workload}
    others: dict[str, dict[str, float]] = {}
    for share in roofline.shares:
        if share.workload != workload:
            others.setdefault(share.variant, {})[share.workload] = share.share
    points = []
    for point, planned in zip(info.points, run.sweep.points if run.sweep else (), strict=True):
        found = _format(results[planned.variant], model, shares.get(point.variant))
        if found is not None:
            found = msgspec.structs.replace(found, bound_shares=others.get(point.variant, {}))
        points.append(msgspec.structs.replace(point, format=found))
    known = [p.format for p in points if p.format and p.format.mean_kl_divergence is not None]
    cost = BY_DIVERGENCE if known else BY_SIZE
    weighed = [item for p in points if (item := _weighed(p, place, cost)) is not None]
    front = front_of(weighed)
    points = [_marked(point, on_front=point in front) for point in points]
    quality = next((v.quality for v in results.values() if v.quality and v.quality.tokens), None)
    formats = FormatsInfo(
        reference=model.quantization,
        workload=workload,
        cost=cost,
        kl_limit=facts().kl_limit,
        tokens=quality.tokens if quality else 0,
        text_sha256=quality.text_sha256 if quality else "",
        reference_perplexity=quality.reference_perplexity if quality else None,
        best=_best(weighed) if cost == BY_DIVERGENCE else "",
        front=tuple(point.label for point in front),
    )
    told = [
        *_trade(formats, weighed),
        *_quality(formats, points, run.source.spec),
        *_already_quantized(run.model, points),
        *_otherwise_stored(run.model, points),
        *_above_bound(points),
    ]
    return msgspec.structs.replace(
        info, points=tuple(points), formats=formats, sentences=(*info.sentences, *told)
    )


def front_of(weighed: Iterable[_Weighed]) -> list[SweepPoint]:
    """Return the points that none beats in both cost and speed, the least cost first."""
    front: list[SweepPoint] = []
    fastest = 0.0
    for item in sorted(weighed, key=lambda each: (each.cost, -each.speed)):
        if item.speed > fastest:
            front.append(item.point)
            fastest = item.speed
    return front


def _best(weighed: list[_Weighed]) -> str:
    """Return the label of the fastest whose divergence is within the limit, empty without any."""
    within = [item for item in weighed if item.cost <= facts().kl_limit]
    return max(within, key=lambda item: item.speed).point.label if within else ""


def _format(variant: VariantResult, model: ModelInfo, share: float | None) -> FormatInfo | None:
    """Return the model of a point; None where there is none."""
    own, quality = variant.model or model, variant.quality
    if variant.settings is None or variant.settings.quantization not in {"", own.quantization}:
        return None  # what it asks for was not made
    weights = sum(own.tensor_bytes.values()) or 1
    stored = sorted(own.tensor_bytes.items(), key=lambda item: -item[1])
    return FormatInfo(
        name=own.quantization,
        bytes=own.bytes,
        bits_per_weight=own.bits_per_weight,
        stored_as={name: size / weights for name, size in stored},
        mean_kl_divergence=quality.mean_kl_divergence if quality else None,
        kl_divergence_error=quality.kl_divergence_error if quality else None,
        perplexity=quality.perplexity if quality else None,
        perplexity_error=quality.perplexity_error if quality else None,
        top_token_agreement=quality.top_token_agreement if quality else None,
        unknown=quality.reason if quality else "",
        bandwidth_share=share,
        on_front=False,
    )


def _marked(point: SweepPoint, *, on_front: bool) -> SweepPoint:
    if point.format is None:
        return point
    found = msgspec.structs.replace(point.format, on_front=on_front)
    return msgspec.structs.replace(point, format=found)


def _weighed(point: SweepPoint, place: int, cost: str) -> _Weighed | None:
    """Return cost and speed; None where one of them is not known."""
    if point.format is None or place >= len(point.workloads):
        return None
    speed = point.workloads[place].median
    spent = point.format.mean_kl_divergence if cost == BY_DIVERGENCE else point.format.bytes
    return None if speed is None or spent is None else _Weighed(point, float(spent), speed)


def _trade(formats: FormatsInfo, weighed: list[_Weighed]) -> list[str]:
    """Say which formats are worth their cost, and which is best within the limit."""
    if not weighed:
        return []
    what = "KL divergence" if formats.cost == BY_DIVERGENCE else "file size"
    front = numbers.listing(list(formats.front))
    first = f"Beaten by no other in both {formats.workload} and {what}, by their medians: {front}."
    if formats.cost == BY_DIVERGENCE:
        best = next((item for item in weighed if item.point.label == formats.best), None)
        if best is None:
            return [first, f"No format stays within {formats.kl_limit:g} nats a token."]
        text = (
            f"Within {formats.kl_limit:g} nats a token {best.point.label} is the fastest at "
            f"{formats.workload} by its median: {numbers.throughput(best.speed)} tokens/s, "
            f"{numbers.small(best.cost)} nats."
        )
        return [first, text]
    smallest = min(weighed, key=lambda item: item.cost)
    largest = max(weighed, key=lambda item: item.cost)
    text = (
        f"{smallest.point.label} is the smallest with {numbers.size(smallest.cost)}, "
        f"{numbers.part(smallest.cost / largest.cost)} of {largest.point.label}, and runs "
        f"{formats.workload} at {numbers.throughput(smallest.speed)} tokens/s."
    )
    return [first, text]


def _quality(formats: FormatsInfo, points: list[SweepPoint], source: str) -> list[str]:
    """Say how quality was measured, and why it was not where it was not."""
    told = []
    if formats.tokens:
        told.append(
            f"KL divergence and perplexity, with their standard errors, are those of "
            f"{formats.tokens:,} tokens of the documentation of {source} (SHA-256 "
            f"{formats.text_sha256[:12]}); divergence is from {formats.reference}"
            + (
                f", whose own perplexity is {formats.reference_perplexity:.2f}."
                if formats.reference_perplexity is not None
                else "."
            )
        )
    reasons: dict[str, list[str]] = {}
    for point in points:
        if point.format and point.format.unknown:
            reasons.setdefault(point.format.unknown, []).append(point.label)
    for reason, labels in reasons.items():
        whose = f" of {numbers.listing(labels)}" if formats.tokens else ""
        told.append(f"Quality{whose} is left out: {reason}.")
    return told


def _above_bound(points: list[SweepPoint]) -> list[str]:
    """Say where more was read than the probes could."""
    shares = [
        (point.format.bandwidth_share, point.label)
        for point in points
        if point.format and point.format.bandwidth_share is not None
    ]
    most, label = max(shares, default=(0.0, ""))
    if most <= roofline_facts().impossible_share:
        return []
    said = (
        f"{label} reads {numbers.part(most)} of the bandwidth that was probed, so that the probes "
        "did not see the memory at its best: all shares of it here are too large."
    )
    return [said]


def _already_quantized(model: Model, points: list[SweepPoint]) -> list[str]:
    if model.synthetic or model.quantization in facts().unquantized:
        return []
    above = [
        point.label
        for point in points
        if point.format and point.format.bits_per_weight > model.bits_per_weight
    ]
    vain = f", and {numbers.listing(above)} cannot gain anything over it" if above else ""
    text = (
        f"The model is quantized already: all formats are made from {model.quantization} and "
        f"compared with it{vain}."
    )
    return [text]


def _otherwise_stored(model: Model, points: list[SweepPoint]) -> list[str]:
    """Say what files hold whose format does not fit the model's rows; their headers tell."""
    if model.embedding_length % facts().block == 0:
        return []
    found = []
    for point in points:
        form = point.format
        if form and any(fnmatchcase(form.name, each) for each in facts().block_formats):
            held = [
                f"{numbers.part(share)} {name}"
                for name, share in form.stored_as.items()
                if share >= facts().least_share
            ]
            found.append(f"{form.name} is {numbers.listing(held)}")
    if not found:
        return []
    text = (
        f"Rows of {model.embedding_length} weights are no whole blocks of {facts().block}, so that "
        f"llama-quantize took other types for many tensors: {'; '.join(dict.fromkeys(found))}."
    )
    return [text]
