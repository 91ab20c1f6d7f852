"""What a reader wants to know first, beside the answer: a list of short findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.document import Finding
from llamabuild.report.prebuilt_words import left_on_the_table
from llamabuild.report.ranking import is_measured, mean_log_ratio, overlap, ranked
from llamabuild.report.reasons import READY, by_reason
from llamabuild.report.simplicity import levers
from llamabuild.types.comparison import EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult

NOT_MEASURED = "not measured"
"""Topic of findings that give the reasons of builds without results."""
NOISE_TOPIC = "noise"
NOTHING_COUNTED = (
    "every block was disturbed by other programs and does not count; end them and run it again."
)
NULL = {EQUIVALENT, NO_DIFFERENCE}
FEW = 6
"""So many names fit into a sentence."""
DOUBT = (
    "a second copy of the baseline did not come out equal to the first, "
    "so treat these figures as a hint, not as proof."
)
"""What an unusable A′ means."""
SIMPLER = 3
MANY = 12
"""From so many builds on, the answer names the fastest alone; the rest is in the findings."""


@dataclass(frozen=True, slots=True)
class Field:
    """The builds that were measured, the fastest first, and what they are compared with."""

    baseline: str
    workloads: dict[str, str]
    """Name to words, in order."""
    variants: tuple[VariantResult, ...]
    """All of the run."""
    usable: bool = True
    """The copy of the baseline came out equal to it."""
    counted: bool = True
    """At least one block was not discarded."""
    margin: float | None = None
    """Differences up to this fraction do not count, at the noisiest workload."""

    @property
    def measured(self) -> list[VariantResult]:
        """The builds with results, without the baseline and further copies of it."""
        others = [v for v in self.variants if v.name != self.baseline and not v.copy_of]
        return ranked([v for v in others if is_measured(v)])

    def leader(self, place: int) -> VariantResult | None:
        """Return the build with the highest ratio on a workload, if it was shown to be faster."""
        faster = [v for v in self.measured if v.workloads[place].verdict == FASTER]
        return max(faster, key=lambda v: v.workloads[place].ratio or 0.0, default=None)

    def rivals(self, leader: VariantResult, places: tuple[int, ...]) -> list[VariantResult]:
        """Return the builds whose intervals overlap the leader's on these workloads."""
        return [
            variant
            for variant in self.measured
            if variant.name != leader.name
            and all(overlap(variant.workloads[p], leader.workloads[p]) for p in places)
        ]

    def allrounder(self) -> VariantResult | None:
        """Return the build with the best mean ratio that is slower nowhere and faster somewhere.

        What was not measured everywhere could be slower there.
        """
        good = [
            variant
            for variant in self.measured
            if all(result.verdict in {FASTER, *NULL} for result in variant.workloads)
            and any(result.verdict == FASTER for result in variant.workloads)
        ]
        return max(good, key=mean_log_ratio, default=None)


def findings(field: Field) -> tuple[Finding, ...]:
    """Return the findings in the order in which a reader needs them."""
    found: list[Finding | None] = []
    if not field.counted:
        found.append(Finding(NOISE_TOPIC, numbers.sentence(NOTHING_COUNTED), ()))
    elif not field.usable:
        found.append(Finding(NOISE_TOPIC, numbers.sentence(DOUBT), ()))
    many = len(field.measured) >= MANY
    if many:
        found += [_fastest(field, place) for place in range(len(field.workloads))]
        found.append(_overall(field))
    found += [_simpler(field), _unclear(field), _equivalent(field)]
    if many:
        found.append(_slower(field))
    found.append(_copies(field))
    found += [
        Finding("dispatch", variant.dispatch.sentence, (variant.name,))
        for variant in field.variants
        if variant.dispatch is not None
    ]
    found += [_prebuilt(field, variant) for variant in field.variants]
    found += _missing(field)
    return tuple(finding for finding in found if finding is not None)


def few(names: Sequence[str], limit: int = FEW) -> str:
    """Write names in backticks; those beyond the limit are counted."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > limit + 1:
        quoted = [*quoted[:limit], numbers.count(len(quoted) - limit, "other")]
    return numbers.listing(quoted)


def told(result: WorkloadResult) -> str:
    """Write a ratio with its interval."""
    span = numbers.interval(result.ratio, result.low, result.high)
    return f"{numbers.ratio(result.ratio, result.low, result.high)} {span}".rstrip()


def _fastest(field: Field, place: int) -> Finding | None:
    if not field.measured:
        return None
    words = list(field.workloads.values())[place]
    leader = field.leader(place)
    if leader is None:
        text = f"At {words} no build was shown to be faster than `{field.baseline}`."
        return Finding("fastest", text, ())
    own = leader.workloads[place]
    speed = f"{numbers.throughput(own.median)} {own.unit}"
    rivals = field.rivals(leader, (place,))
    lead = "Ahead" if rivals else "Fastest"
    text = f"{lead} at {words}: `{leader.name}`, {told(own)}, {speed}."
    if rivals:
        text += f" Not told apart from it: {few([rival.name for rival in rivals])}."
    return Finding("fastest", text, (leader.name, *(rival.name for rival in rivals)))


def _overall(field: Field) -> Finding | None:
    best = field.allrounder()
    places = range(len(field.workloads))
    if best is None or len(places) < 2 or all(best == field.leader(p) for p in places):  # noqa: PLR2004 - one workload needs no compromise
        return None
    parts = [
        f"{told(result)} at {words}"
        for result, words in zip(best.workloads, field.workloads.values(), strict=True)
    ]
    text = (
        f"Best over all of those that were not shown to be slower anywhere: `{best.name}`, "
        f"{numbers.listing(parts)}."
    )
    return Finding("overall", text, (best.name,))


def _simpler(field: Field) -> Finding | None:
    baseline = next((v for v in field.variants if v.name == field.baseline), None)
    if baseline is None:
        return None
    everywhere = tuple(range(len(field.workloads)))
    targets: list[tuple[VariantResult | None, tuple[int, ...]]] = [
        (field.leader(place), (place,)) for place in everywhere
    ]
    targets.append((field.allrounder(), everywhere))
    sentences: dict[tuple[str, ...], str] = {}
    for target, places in reversed(targets):  # what holds everywhere needs no telling by workload
        if target is None:
            continue
        limit = levers(target, baseline)
        simpler = [v for v in field.rivals(target, places) if levers(v, baseline) < limit]
        simpler.sort(key=lambda v: levers(v, baseline))
        names = [v.name for v in simpler[:SIMPLER]]
        if names:
            verb = "is" if len(names) == 1 else "are"
            at = "" if places == everywhere else f" at {list(field.workloads.values())[places[0]]}"
            text = (
                f"{few(names)} {verb} simpler than `{target.name}`, "
                f"and this run does not tell them apart{at}."
            )
            sentences.setdefault((target.name, *names), text)
    if not sentences:
        return None
    names = list(dict.fromkeys(name for names in sentences for name in names))
    return Finding("simpler", " ".join(sentences.values()), tuple(names))


def _unclear(field: Field) -> Finding | None:
    found = [v for v in field.measured if all(r.verdict in NULL for r in v.workloads)]
    found = [v for v in found if any(r.verdict == NO_DIFFERENCE for r in v.workloads)]
    if not found:
        return None
    names = [variant.name for variant in found]
    shown = [
        result.detectable
        for variant in found
        for result in variant.workloads
        if result.verdict == NO_DIFFERENCE and result.detectable is not None
    ]
    at = " at any workload" if len(field.workloads) > 1 else ""
    text = f"No difference shown{at}: {few(names, len(names))}"
    if shown:
        least = numbers.percent(max(shown))
        text += f"; of one of them, only {least} or more would likely have shown"
    return Finding("no difference", f"{text}.", tuple(names))


def _equivalent(field: Field) -> Finding | None:
    names = [v.name for v in field.measured if all(r.verdict == EQUIVALENT for r in v.workloads)]
    if not names:
        return None
    beyond = f" of more than {numbers.percent(field.margin)}" if field.margin else ""
    text = (
        f"As fast as `{field.baseline}`, a difference{beyond} ruled out: {few(names, len(names))}."
    )
    return Finding("equivalent", text, tuple(names))


def _slower(field: Field) -> Finding | None:
    slow = [v for v in field.measured if all(r.verdict == SLOWER for r in v.workloads)]
    if not slow:
        return None
    parts = []
    for place, words in enumerate(field.workloads.values()):
        worst = min(slow, key=lambda v: v.workloads[place].ratio or 0.0)
        parts.append(f"{numbers.ratio(worst.workloads[place].ratio)} at {words}")
    names = [variant.name for variant in slow]
    down = "down to " if len(slow) > 1 else ""
    text = f"Slower throughout: {few(names, len(names))}, {down}{numbers.listing(parts)}."
    return Finding("slower", text, tuple(names))


def _copies(field: Field) -> Finding | None:
    copies = [v for v in field.variants if v.copy_of]
    if not copies:
        return None
    names = [variant.name for variant in copies]
    verb, what = ("is a", "copy") if len(names) == 1 else ("are", "copies")
    text = (
        f"{few(names)} {verb} further {what} of `{field.baseline}`: the same build, run the same "
        "way. What tells them apart here is noise."
    )
    return Finding("copy", text, tuple(names))


def _prebuilt(field: Field, variant: VariantResult) -> Finding | None:
    if variant.prebuilt is None:
        return None
    text = left_on_the_table(variant, variant.prebuilt.missing, field.variants)
    return Finding("prebuilt", text, (variant.name,)) if text else None


def _missing(field: Field) -> list[Finding]:
    """Return one finding for each status, with each reason and the builds that it holds for."""
    groups: dict[str, list[tuple[str, list[str]]]] = {}
    for (status, reason), names in by_reason(field.variants).items():
        if status != READY:
            groups.setdefault(status, []).append((reason, names))
    found = []
    for status, reasons in groups.items():
        parts = [
            numbers.listing([f"`{name}`" for name in names])
            + (f" ({_without_ticks(reason)})" if reason else "")
            for reason, names in reasons
        ]
        text = f"{numbers.sentence(status).rstrip('.')}: {'; '.join(parts)}."
        found.append(Finding(NOT_MEASURED, text, tuple(n for _, names in reasons for n in names)))
    return found


def _without_ticks(text: str) -> str:
    # Backticks mark names in a finding; a reason may have its own.
    return text.replace("`", "'")
