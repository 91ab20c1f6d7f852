"""Which levers are worth pulling on this machine, for this goal; and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.types.optimization import LeftOut, Lever

from .facts import layout, lever_facts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from llamabuild.types.machine import Machine

    from .facts import LeverFacts, Need
    from .lab import Lab

EQUALS = "="
PROMPT = "prompt"
CACHE, WEIGHTS = "cache", "weights"
EVERY = "all"
NO_HUGE_PAGES = ("", "never", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What decides which levers make sense."""

    machine: Machine
    base: str
    goal: str
    threads: int
    prompt_tokens: int
    """Of the longest prompt that is measured; 0 if there is none."""
    kv_quality: float | None
    weights_quality: float | None = None
    """Likewise, of another format of the weights."""
    mask: str = ""
    """One CPU for each thread, as llama.cpp's mask; empty if it is not known."""
    types: frozenset[str] = frozenset()
    """Of the model's matrices, such as ``Q4_K``; empty if they are not known."""
    quantization: str = ""
    """The model's own."""
    random_weights: bool = False

    def words(self) -> dict[str, str]:
        """Return what the words in braces stand for."""
        return {
            "threads": str(self.threads),
            "fewer": str(max(1, self.threads - 1)),
            "half": str(max(1, self.threads // 2)),
            "logical": str(len(self.machine.affinity) or self.machine.cpu.logical_cpus),
            "mask": self.mask,
        }


def levers_here(
    situation: Situation, lab: Lab, facts: Sequence[LeverFacts] | None = None
) -> tuple[tuple[Lever, ...], tuple[LeftOut, ...]]:
    """Return the levers with those choices that can make a difference, and the rest with reasons.

    Two choices that cannot differ (one build, one way to run it) are one: the first counts.
    """
    same = {lab.identity(()): "the baseline"}
    levers, left_out = [], []
    for entry in lever_facts() if facts is None else facts:
        chosen = []
        for word in dict.fromkeys(entry.choices):
            part = word.format_map(situation.words())
            reason = _pointless(entry, part, situation) or lab.refusal((part,))
            if not reason:
                known = lab.identity((part,))
                reason = f"cannot differ from {same[known]}" if known in same else ""
                same.setdefault(known, f"'{part}'")
            if reason:
                left_out.append(LeftOut(lever=entry.name, part=part, reason=reason))
            else:
                chosen.append(part)
        if chosen:
            levers.append(_lever(entry, tuple(dict.fromkeys(chosen))))
    return tuple(levers), _once(left_out, {p for lever in levers for p in lever.choices})


def _lever(entry: LeverFacts, choices: tuple[str, ...]) -> Lever:
    return Lever(
        name=entry.name,
        what=entry.what,
        builds=entry.builds,
        replaces=entry.replaces,
        kinds=entry.kinds,
        family=entry.family,
        choices=choices,
    )


def _once(left_out: Sequence[LeftOut], chosen: Collection[str]) -> tuple[LeftOut, ...]:
    """One value may stand for several words, such as half of two threads and one fewer."""
    first = {item.part: item for item in reversed(left_out) if item.part not in chosen}
    return tuple(item for item in left_out if first.get(item.part) is item)


def _pointless(entry: LeverFacts, part: str, situation: Situation) -> str:
    """Return the reason, or nothing."""
    return next(filter(None, _reasons(entry, part, situation)), "")


def _reasons(entry: LeverFacts, part: str, situation: Situation) -> Iterator[str]:
    weights = layout().goals[situation.goal]
    if not any(weights.get(kind) for kind in entry.kinds):
        yield f"it cannot change what the goal '{situation.goal}' asks for"
    if entry.types and situation.types and not situation.types & set(entry.types):
        yield f"this model has no weights that it works on ({', '.join(sorted(situation.types))})"
    for key in (EVERY, part):
        if (need := entry.needs.get(key)) and not _has(situation, need):
            yield need.why
    if entry.quality == CACHE and situation.kv_quality is None:
        yield "it changes the output; --allow-kv-quality 0.02 allows so much (KL divergence)"
    if entry.quality == WEIGHTS:
        yield from _weights_reasons(part, situation)
    if part in situation.base.split("+"):
        yield "the baseline has it"
    if EQUALS in part:
        yield from _setting_reasons(entry, part, situation)


def _weights_reasons(part: str, situation: Situation) -> Iterator[str]:
    if situation.weights_quality is None:
        yield "it changes the output; --allow-quantization 0.1 allows so much (KL divergence)"
    if situation.random_weights:
        yield "this model's weights are random: what a format costs them means nothing"
    if part.partition(EQUALS)[2] == situation.quantization:
        yield "the model has it"


def _setting_reasons(entry: LeverFacts, part: str, situation: Situation) -> Iterator[str]:
    setting, _, value = part.partition(EQUALS)
    if not value:
        yield "which CPUs there are is not known"
    own = {setting, "threads"} if setting.endswith("threads") else {setting}
    set_by_base = any(part.partition(EQUALS)[0] in own for part in situation.base.split("+"))
    if entry.default and not set_by_base and value == entry.default.format_map(situation.words()):
        yield "it is the default"
    if entry.below == PROMPT and int(value) >= situation.prompt_tokens:
        yield f"no prompt here is longer than {situation.prompt_tokens} tokens"


def _has(situation: Situation, need: Need) -> bool:
    machine = situation.machine
    return (
        situation.threads >= need.threads
        and machine.numa_nodes >= need.numa_nodes
        and (not need.huge_pages or machine.transparent_huge_pages not in NO_HUGE_PAGES)
    )
