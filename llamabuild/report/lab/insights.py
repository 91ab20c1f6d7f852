"""What a lab taught: what brought most, what contradicts the usual advice, and what is next."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.report import numbers
from llamabuild.report.lab.document import Insight
from llamabuild.report.lab.doubt import probe_doubt
from llamabuild.report.optimize_document import ratio_text
from llamabuild.report.portable import clean
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER, SLOWER
from llamabuild.types.optimization import SCREEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.report.document import WorkloadResult
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.material import Material
    from llamabuild.report.sweep_document import SweepResult
    from llamabuild.roofline.records import Share

MOST_EFFECTIVE, TRADE_OFF = "most effective", "trade-off"
SURPRISE, NEXT = "surprise", "next"
OPPOSITE = {FASTER: SLOWER, SLOWER: FASTER}


class _Advice(Data, frozen=True, forbid_unknown_fields=True):
    says: str
    part: str
    name: str
    kinds: tuple[str, ...]
    expects: str


class _File(Data, frozen=True, forbid_unknown_fields=True):
    advice: tuple[_Advice, ...]


class _Result(NamedTuple):
    name: str
    result: WorkloadResult | SweepResult
    against: str


@cache
def advice() -> tuple[_Advice, ...]:
    """Return the usual advice of ``advice.toml``."""
    text = files(__package__).joinpath("advice.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_File).advice


def insights(lab: LabMaterial) -> tuple[Insight, ...]:
    """Return them in the order of their topics."""
    return (*_most_effective(lab), *_trade_offs(lab), *_surprises(lab), *_next(lab))


def _most_effective(lab: LabMaterial) -> Iterator[Insight]:
    document = lab.challenge
    if document is None or not document.accepted:
        return
    best = max(document.accepted, key=lambda change: change.impact.ratio if change.impact else 0.0)
    loads = [f"{ratio_text(effect)} at {load}" for load, effect in best.impacts.items()]
    alone = "by itself" if best is document.accepted[0] else "on top of those before it"
    yield Insight(
        topic=MOST_EFFECTIVE,
        text=f"The single most effective change is `{' + '.join(best.change)}`: "
        f"{numbers.listing(loads)}, {alone}.",
        run=document.run.id,
    )


def _trade_offs(lab: LabMaterial) -> Iterator[Insight]:
    """What the challenge rejected because it gains on one workload what it loses on another."""
    document = lab.challenge
    if document is None or document.noisy:
        return
    model = clean(lab.record.models[0].spec)
    for each in document.rejected:
        if each.stage != SCREEN:
            continue  # a confirmation judges what was changed together
        gains = [name for name, effect in each.impacts.items() if (effect.low or 0.0) > 1.0]
        losses = [name for name, effect in each.impacts.items() if 0.0 < (effect.high or 0.0) < 1.0]
        for gain in gains[:1]:
            for loss in losses[:1]:
                yield Insight(
                    topic=TRADE_OFF,
                    text=f"`{each.part}` gives {ratio_text(each.impacts[gain])} at {gain} for "
                    f"{ratio_text(each.impacts[loss])} at {loss} in the search, which is nothing "
                    f"for the goal `{document.goal}`; `llamabuild optimize --goal {gain[:2]} "
                    f"--model {model}` asks for the former alone.",
                    run=document.run.id,
                )


def _surprises(lab: LabMaterial) -> Iterator[Insight]:
    for each in advice():
        material = lab.runs.get(each.part)
        if material is None or not material.document.usable:
            continue
        kinds = {load.name: load.kind for load in material.document.run.workloads}
        for name, result, against in _results(material):
            if name != each.name or kinds.get(result.name) not in each.kinds:
                continue
            if not _contradicts(result.verdict, each.expects):
                continue
            yield Insight(
                topic=SURPRISE,
                text=f"Usually said: {each.says}. Here `{name}` is {_measured(result)} of the "
                f"speed of `{against}` at {result.name}: shown to be {result.verdict}.",
                run=material.run.id,
            )


def _contradicts(verdict: str, expects: str) -> bool:
    """Only what was shown contradicts: too few blocks are no surprise."""
    if expects in OPPOSITE:
        return verdict == OPPOSITE[expects]
    return verdict in OPPOSITE


def _measured(result: WorkloadResult | SweepResult) -> str:
    ratio = numbers.ratio(result.ratio, result.low, result.high)
    return f"{ratio} {numbers.interval(result.ratio, result.low, result.high)}".rstrip()


def _results(material: Material) -> Iterator[_Result]:
    """Every result of a run by the variant's name, or the label of a sweep's point."""
    document = material.document
    if document.sweep is None:
        for variant in document.variants:
            for result in variant.workloads:
                yield _Result(variant.name, result, document.baseline)
        return
    first = document.sweep.points[0].label
    for point in document.sweep.points:
        for each in point.workloads:
            yield _Result(point.label, each, first)


def _next(lab: LabMaterial) -> Iterator[Insight]:
    """The largest gap to a bound that is left, in the fastest build that was shown to be one."""
    material = lab.runs.get("builds") or lab.runs.get("baseline")
    if material is None or not material.document.usable:
        return
    document = material.document
    faster = {
        (variant.name, result.name)
        for variant in document.variants
        for result in variant.workloads
        if result.verdict == FASTER
    }
    best: dict[str, Share] = {}
    for share in document.roofline.shares:
        if share.variant != document.baseline and (share.variant, share.workload) not in faster:
            continue
        known = best.get(share.workload)
        if known is None or share.tokens_per_second > known.tokens_per_second:
            best[share.workload] = share
    if not best:
        return
    gap = min(best.values(), key=lambda share: share.share)
    doubt = probe_doubt(lab)
    advised = f" {doubt}" if doubt else f" {numbers.sentence(gap.advice)}" if gap.advice else ""
    shown = "" if gap.variant == document.baseline else ", which was shown to be faster there,"
    yield Insight(
        topic=NEXT,
        text=f"The largest gap to a bound is left at {gap.workload}: `{gap.variant}`{shown} "
        f"reaches {numbers.part(gap.share)} of it.{advised}",
        run=material.run.id,
    )
