"""Memory- or compute-bound: what the roofline, the counters and a simulation each say.

They look at different things, so that they may differ; that is then the answer, and is shown.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.roofline.facts import facts as roofline_facts
from llamabuild.roofline.records import COMPUTE_BOUND, MEMORY_BOUND, NEITHER
from llamabuild.types.profile import Opinion, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.roofline import Share
    from llamabuild.types.profile import Rate

AGREE, DISAGREE, ONE_SOURCE, UNKNOWN = "agree", "disagree", "one source", "unknown"
ROOFLINE, COUNTERS, SIMULATION = "roofline", "counters", "simulation"
BANDWIDTH_SHARE = "bandwidth_share"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a number becomes a verdict."""

    rate: str
    source: str
    memory: float
    compute: float
    rule: str


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``bound.toml``."""

    rules: tuple[Rule, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """Return the shipped rules."""
    data = Path(__file__).with_name("bound.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Facts).rules


def roofline_opinion(share: Share) -> Opinion:
    """Return what the share of a bound says; see :func:`llamabuild.roofline.share`."""
    by_memory = (share.bandwidth_share or 0.0) >= (share.compute_share or 0.0)
    value = (share.bandwidth_share if by_memory else share.compute_share) or 0.0
    least = roofline_facts().limiting_share
    return Opinion(
        source=ROOFLINE,
        measure="share of the bandwidth" if by_memory else "share of the peak arithmetic",
        value=value,
        unit="of the bound",
        verdict=share.verdict,
        rule=f"from {least:.0%} of a bound it is what limits",
    )


def rate_opinions(
    rates: Iterable[Rate], source: str, read_bytes_per_second: float | None = None
) -> tuple[Opinion, ...]:
    """Return what rates say, by the rules of their source.

    Args:
        rates: Counted or simulated.
        source: ``counters`` or ``simulation``.
        read_bytes_per_second: The probed bandwidth that what was read is held against.
    """
    known = {rate.name: (rate.title, rate.value, rate.unit) for rate in rates}
    moved = known.get("memory_bandwidth") or known.get("llc_bandwidth")
    if moved is not None and read_bytes_per_second:
        part = moved[1] / read_bytes_per_second
        known[BANDWIDTH_SHARE] = moved[0], part, "of the probed bandwidth"
    return tuple(
        _opinion(rule, *known[rule.rate])
        for rule in rules()
        if rule.source == source and rule.rate in known
    )


def verdict(opinions: Sequence[Opinion], lacking: Sequence[str] = ()) -> Verdict:
    """Return what all opinions together come to.

    Sources agree when each that decides says the same; within a source the first rule that decides
    speaks for it, since rules stand in the order of their weight.

    Args:
        opinions: Of all sources.
        lacking: Which sources have none, and why, each in a clause.
    """
    by_source: dict[str, Opinion] = {}
    for opinion in opinions:
        held = by_source.get(opinion.source)
        if held is None or (held.verdict == NEITHER and opinion.verdict != NEITHER):
            by_source[opinion.source] = opinion
    # A simulation has no prefetching and no time: it speaks only where nothing was counted.
    if COUNTERS in by_source:
        by_source.pop(SIMULATION, None)
    said = {source: opinion.verdict for source, opinion in by_source.items()}
    if not said:
        why = "; ".join(lacking) or "nothing was measured"
        return Verdict(opinions=(), agreement=UNKNOWN, sentence=f"not known: {why}")
    words = [_words(opinion) for opinion in by_source.values()]
    if len(said) == 1:
        [(source, found)] = said.items()
        alone = f"{found} by the {source} alone ({words[0]})"
        sentence = "; ".join([alone, *lacking])
        return Verdict(opinions=tuple(opinions), agreement=ONE_SOURCE, sentence=sentence)
    if len(set(said.values())) == 1:
        found = next(iter(said.values()))
        sentence = f"{found}: {' and '.join(said)} agree ({', '.join(words)})"
        return Verdict(opinions=tuple(opinions), agreement=AGREE, sentence=sentence)
    each = ", ".join(f"{source} says {found}" for source, found in said.items())
    sentence = f"not the same by each: {each} ({', '.join(words)})"
    return Verdict(opinions=tuple(opinions), agreement=DISAGREE, sentence=sentence)


def _opinion(rule: Rule, title: str, value: float, unit: str) -> Opinion:
    found = NEITHER
    if value >= rule.memory:
        found = MEMORY_BOUND
    elif value < rule.compute:
        found = COMPUTE_BOUND
    words = rule.rule.format(memory=rule.memory, compute=rule.compute)
    return Opinion(
        source=rule.source, measure=title, value=value, unit=unit, verdict=found, rule=words
    )


def _words(opinion: Opinion) -> str:
    """Say what an opinion rests on, in few words."""
    value = f"{opinion.value:.0%}" if opinion.unit.startswith("of ") else f"{opinion.value:.2g}"
    simulated = "simulated " if opinion.source == SIMULATION else ""
    return f"{simulated}{opinion.measure} {value.replace('%', ' %')} {opinion.unit}".rstrip()
