"""What a lab taught: what brought most, what contradicts the usual advice, and what is next."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.report import numbers
from llamabuild.report.lab.document import Insight
from llamabuild.report.lab.doubt import probe_doubt
from llamabuild.report.optimize_document import own_impacts, ratio_text
from llamabuild.report.portable import clean
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER, NO_DIFFERENCE, SLOWER
from llamabuild.types.optimization import SCREEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.optimize.values import Effect
    from llamabuild.report.document import WorkloadResult
    from llamabuild.report.lab.material import LabMaterial
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
    lever: str = ""


class _File(Data, frozen=True, forbid_unknown_fields=True):
    advice: tuple[_Advice, ...]


class _Seen(NamedTuple):
    """What was measured of a piece of advice."""

    verdict: str
    words: str
    """``NAME is RATIO of the speed of BASELINE at WORKLOAD``, and how sure that is."""
    run: str


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
        impacts = own_impacts(each)
        gains = [name for name, effect in impacts.items() if (effect.low or 0.0) > 1.0]
        losses = [name for name, effect in impacts.items() if 0.0 < (effect.high or 0.0) < 1.0]
        for gain in gains[:1]:
            for loss in losses[:1]:
                yield Insight(
                    topic=TRADE_OFF,
                    text=f"`{each.part}` gives {ratio_text(each.impacts[gain])} at {gain} for "
                    f"{ratio_text(each.impacts[loss])} at {loss} in the search, too much of a loss "
                    f"for the goal `{document.goal}`; `llamabuild optimize --goal {gain[:2]} "
                    f"--model {model}` asks for the former alone.",
                    run=document.run.id,
                )


def _surprises(lab: LabMaterial) -> Iterator[Insight]:
    measured, run, contradicted = 0, "", False
    for each in advice():
        seen = [*_in_part(lab, each), *_in_challenge(lab, each)]
        measured += bool(seen)
        against = next((s for s in seen if _contradicts(s.verdict, each.expects)), None)
        run = seen[0].run if seen else run
        if against is not None:
            contradicted = True
            yield Insight(
                topic=SURPRISE,
                text=f"Usually said: {each.says}. Here {against.words}.",
                run=against.run,
            )
    if measured and not contradicted:
        pieces = numbers.count(measured, "piece")
        text = f"Nothing contradicts the usual advice, of which {pieces} could be tested."
        yield Insight(topic=SURPRISE, text=text, run=run)


def _in_part(lab: LabMaterial, each: _Advice) -> Iterator[_Seen]:
    material = lab.runs.get(each.part)
    if material is None or not material.document.usable:
        return
    document = material.document
    kinds = {load.name: load.kind for load in document.run.workloads}
    info = document.sweep
    against = info.points[0].label if info else document.baseline
    named: list[tuple[str, Sequence[WorkloadResult | SweepResult]]] = (
        [(point.label, point.workloads) for point in info.points]
        if info
        else [(variant.name, variant.workloads) for variant in document.variants]
    )
    for name, results in named:
        for result in results:
            if name == each.name and kinds.get(result.name) in each.kinds and result.ratio:
                ratio = numbers.with_interval(result.ratio, result.low, result.high)
                words = f"`{name}` is {ratio} of the speed of `{against}` at {result.name}"
                verdict = f"shown to be {result.verdict}"
                yield _Seen(result.verdict, f"{words}: {verdict}", material.run.id)


def _in_challenge(lab: LabMaterial, each: _Advice) -> Iterator[_Seen]:
    """What its first stage measured of a choice by itself."""
    document = lab.challenge
    if document is None or document.noisy or not each.lever:
        return
    alone = {r.part: own_impacts(r) for r in document.rejected if r.stage == SCREEN}
    if document.accepted and len(first := document.accepted[0].change) == 1:
        alone[first[0]] = document.accepted[0].impacts
    for load, effect in alone.get(each.lever, {}).items():
        if load.startswith(each.kinds):
            words = (
                f"`{each.lever}` is {ratio_text(effect)} of the speed of `{document.base}` at "
                f"{load}, by the search of the challenge, which looks at many things at once"
            )
            yield _Seen(_shown(effect), words, document.run.id)


def _shown(effect: Effect) -> str:
    if effect.low is not None and effect.low > 1.0:
        return FASTER
    return SLOWER if effect.high is not None and effect.high < 1.0 else NO_DIFFERENCE


def _contradicts(verdict: str, expects: str) -> bool:
    """Only what was shown contradicts: too few blocks are no surprise."""
    if expects in OPPOSITE:
        return verdict == OPPOSITE[expects]
    return verdict in OPPOSITE


def _next(lab: LabMaterial) -> Iterator[Insight]:
    """The largest gap to a bound that is left: in the result, else in the fastest build."""
    challenge = lab.challenge
    if challenge is not None and challenge.accepted and challenge.bounds:
        least = min(challenge.bounds, key=lambda bound: bound.after)
        yield Insight(
            topic=NEXT,
            text=f"The largest gap to a bound is left at {least.workload}: `{challenge.final}`, "
            f"the result, reaches {numbers.part(least.after)} of it."
            f"{_advised(lab, least.advice)}",
            run=challenge.run.id,
        )
        return
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
    shown = "" if gap.variant == document.baseline else ", which was shown to be faster there,"
    yield Insight(
        topic=NEXT,
        text=f"The largest gap to a bound is left at {gap.workload}: `{gap.variant}`{shown} "
        f"reaches {numbers.part(gap.share)} of it.{_advised(lab, gap.advice)}",
        run=material.run.id,
    )


def _advised(lab: LabMaterial, advice: str) -> str:
    doubt = probe_doubt(lab)
    return f" {doubt}" if doubt else f" {numbers.sentence(advice)}" if advice else ""
