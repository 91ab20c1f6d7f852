"""Which change did it: the difference between two composed variants, part by part.

Leave-one-out: the full variant is the baseline, and each further arm is the full one without one
part. A part's contribution is throughput(full) / throughput(without it). The contributions
multiply to the whole only where parts do not depend on each other; what is left over,
whole / product, is the interaction. A part that another one brings along anyway can't be left out,
so it is named and not measured; what it does is then in the interaction, too.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.stats import paired_shift
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER, NOT_MEASURED, SLOWER, ComparisonSet

from .blocks import counted_blocks, throughputs
from .looks import compare_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.comparison import Comparison
    from llamabuild.types.run import Arm, Run, Trial

    from .blocks import Throughputs

Recipe = Callable[[str], object]
"""What is built and how it is run under a name: equal for names that come to the same, None where
the parts do not go together."""

SEPARATOR = "+"
HOW_TO = "measure one first, such as 'python -m llamabuild variants native+clang+pgo'"
TURNED = {FASTER: SLOWER, SLOWER: FASTER}


class Question(Data, frozen=True, kw_only=True):
    """What is to be measured."""

    full: str
    base: str
    without: dict[str, str]
    """Each part that ``full`` has and ``base`` does not, with the variant that lacks it alone."""
    contained: dict[str, str] = {}
    """Parts whose absence changes nothing, each with the part that brings the same along."""
    source: str = ""
    """Of all these variants that name none of their own; empty: the run's."""

    def arms(self) -> tuple[str, ...]:
        """Return the variants of the run, ``full`` first, each once."""
        return tuple(dict.fromkeys([self.full, *self.without.values(), self.base]))


class Effect(Data, frozen=True, kw_only=True):
    """A ratio of throughputs on one workload; above 1 the part makes it faster."""

    workload: str
    ratio: float | None
    low: float | None
    """None, like ``high``, when there are too few blocks for the level."""
    high: float | None
    level: float | None
    verdict: str
    """As of a comparison; empty for the interaction, which is not tested."""


class Contribution(Data, frozen=True, kw_only=True):
    """One part's effects, one for each workload, in the run's order."""

    part: str
    without: str
    """The variant that lacks it."""
    status: str
    """Of that variant's arm."""
    reason: str
    effects: tuple[Effect, ...]
    brings: tuple[str, ...] = ()
    """Variants that come and go with the part, such as ``no-mmap`` with ``mimalloc``."""


class Attribution(Data, frozen=True, kw_only=True):
    """The answer."""

    question: Question
    whole: tuple[Effect, ...]
    """``full`` against ``base``."""
    parts: tuple[Contribution, ...]
    interaction: tuple[Effect, ...]
    """The whole over the product of the parts; its interval has the level of a single one."""
    comparisons: ComparisonSet


def question_of(
    run: Run,
    trials: Sequence[Trial],
    variant: str | None,
    recipe: Recipe = str,
) -> Question:
    """Return what would explain a composed variant of a run, by default its fastest one.

    It is held against the run's baseline where that shares the rest of the recipe and all names
    in between are variants, else against its own base.

    Args:
        run: The run.
        trials: Its trials.
        variant: A composed one of it; None for the fastest.
        recipe: What a name builds and runs; by default each name is something of its own.

    Raises:
        BadInput: There is no such variant in the run, none that is composed, or none of its parts
            changes anything.
    """
    composed = {arm.name: arm for arm in run.arms if len(_parts(arm)) > 1}
    if variant is not None and variant not in composed:
        known = any(arm.name == variant for arm in run.arms)
        why = "is not composed of parts" if known else f"is not in run {run.id}"
        message = f"'{variant}' {why}"
        raise BadInput(message, f"composed: {', '.join(composed) or 'none'}; {HOW_TO}")
    if not composed:
        message = f"run {run.id} has no composed variant whose parts could be told apart"
        raise BadInput(message, HOW_TO)
    full = composed[variant] if variant is not None else _fastest(run, trials, composed)
    baseline = next(arm for arm in run.arms if arm.name == run.baseline)
    question = _question(_parts(full), _parts(baseline), recipe)
    if any(recipe(name) is None for name in question.arms()):
        question = _question(_parts(full), _parts(full)[:1], recipe)
    if not question.without:
        message = f"'{question.full}' is '{question.base}': {'; '.join(_containments(question))}"
        raise BadInput(message, f"name another composed variant, or {HOW_TO}")
    # A copy from a further source, 'native+lto@0.3.30': its parts compose to the same name without.
    if full.variant is None or full.name == question.full:
        return question
    return msgspec.structs.replace(question, source=full.variant.source)


def question_answered(run: Run, recipe: Recipe = str) -> Question | None:
    """Return the question that a run has all arms of, its baseline the full variant."""
    names = {arm.name for arm in run.arms}
    full = next(arm for arm in run.arms if arm.name == run.baseline)
    bases = [arm for arm in run.arms if arm.name != full.name]
    questions = (_question(_parts(full), _parts(base), recipe) for base in bases)
    return next((q for q in questions if q.without and set(q.arms()) == names), None)


def attribute(
    run: Run,
    trials: Sequence[Trial],
    question: Question,
    brings: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Attribution:
    """Return what a run, made for a question, says about its parts.

    Args:
        run: The run.
        trials: Its trials.
        question: That it was made for.
        brings: Part to the variants that it brings along.
    """
    comparisons = compare_run(run, trials)
    found = {(item.arm, item.workload): item for item in comparisons.comparisons}
    loads = [load.name for load in run.workloads]
    arms = {arm.name: arm for arm in run.arms}
    speeds = throughputs(trials, counted_blocks(run, trials))
    return Attribution(
        question=question,
        whole=tuple(_turned(found[question.base, load]) for load in loads),
        parts=tuple(
            Contribution(
                part=part,
                without=name,
                status=arms[name].status,
                reason=arms[name].reason,
                effects=tuple(_turned(found[name, load]) for load in loads),
                brings=brings.get(part, ()),
            )
            for part, name in question.without.items()
        ),
        interaction=tuple(
            _interaction(speeds, question, load, comparisons.alpha) for load in loads
        ),
        comparisons=comparisons,
    )


def _parts(arm: Arm) -> tuple[str, ...]:
    return (arm.variant.parts if arm.variant else ()) or (arm.name,)


def _question(full: tuple[str, ...], other: tuple[str, ...], recipe: Recipe) -> Question:
    """Compare with ``other`` if all that it has beyond its base is in ``full``, too."""
    base = other if other != full and set(other[1:]) <= set(full[1:]) else full[:1]
    asked = [part for part in full[1:] if part not in base[1:]]
    rest = _irreducible(full, asked, recipe)
    without: dict[str, str] = {}
    for part in asked:
        if part in rest:
            left = _left(full, part)
            # Several together may bring what this one does: then none of them may stay.
            same = _alike(left, SEPARATOR.join(full), recipe)
            without[part] = _left(rest, part) if same else left
    contained = {
        part: _container(full[0], part, [p for p in rest[1:] if p != part], recipe)
        for part in asked
        if part not in rest
    }
    if base[0] != full[0]:
        replaced = SEPARATOR.join((base[0], *full[1:]))
        without = {f"{full[0]} instead of {base[0]}": replaced, **without}
    return Question(
        full=SEPARATOR.join(full),
        base=SEPARATOR.join(base),
        without=without,
        contained=contained,
    )


def _irreducible(full: tuple[str, ...], asked: Sequence[str], recipe: Recipe) -> tuple[str, ...]:
    """Return the parts without those, of the ones in question, whose absence changes nothing."""
    rest = full
    for part in asked:
        if _alike(_left(rest, part), SEPARATOR.join(full), recipe):
            rest = tuple(p for p in rest if p != part)
    return rest


def _container(base: str, part: str, others: Sequence[str], recipe: Recipe) -> str:
    """Name what brings the same as a part: the base, one of the others, or several together."""
    if _alike(SEPARATOR.join((base, part)), base, recipe):
        return base
    for other in others:
        alone = SEPARATOR.join((base, other))
        if any(
            _alike(SEPARATOR.join((base, *pair)), alone, recipe)
            for pair in ((part, other), (other, part))
        ):
            return other
    return "the others together"


def _containments(question: Question) -> list[str]:
    return [f"{part} is contained in {other}" for part, other in question.contained.items()]


def _left(parts: tuple[str, ...], part: str) -> str:
    return SEPARATOR.join(p for p in parts if p != part)


def _alike(one: str, other: str, recipe: Recipe) -> bool:
    found = recipe(one)
    return found is not None and found == recipe(other)


def _fastest(run: Run, trials: Sequence[Trial], composed: dict[str, Arm]) -> Arm:
    logs: dict[str, list[float]] = {}
    for item in compare_run(run, trials).comparisons:
        if item.arm in composed and item.ratio:
            logs.setdefault(item.arm, []).append(log(item.ratio))
    logs = {name: found for name, found in logs.items() if len(found) == len(run.workloads)}
    if not logs:
        message = f"no composed variant of run {run.id} was measured on every workload"
        raise BadInput(message, f"name one of {', '.join(composed)}, or {HOW_TO}")
    return composed[max(logs, key=lambda name: sum(logs[name]) / len(logs[name]))]


def _turned(item: Comparison) -> Effect:
    """From ``without / full`` to ``full / without``."""
    return Effect(
        workload=item.workload,
        ratio=_inverse(item.ratio),
        low=_inverse(item.high),
        high=_inverse(item.low),
        level=item.level,
        verdict=TURNED.get(item.verdict, item.verdict),
    )


def _interaction(speeds: Throughputs, question: Question, workload: str, alpha: float) -> Effect:
    """Per block: ln(full/base) - sum of ln(full/without), over blocks that have them all."""
    full = speeds.get((question.full, workload), {})
    others = [speeds.get((arm, workload), {}) for arm in question.without.values()]
    base = speeds.get((question.base, workload), {})
    blocks = [b for b in sorted(full) if b in base and all(b in other for other in others)]
    if not blocks:
        return Effect(
            workload=workload, ratio=None, low=None, high=None, level=None, verdict=NOT_MEASURED
        )
    shift = paired_shift(
        [log(full[b] / base[b]) - sum(log(full[b] / other[b]) for other in others) for b in blocks]
    )
    interval = shift.interval(alpha)
    return Effect(
        workload=workload,
        ratio=exp(shift.estimate),
        low=exp(interval.low) if interval.bounded else None,
        high=exp(interval.high) if interval.bounded else None,
        level=interval.level,
        verdict="",
    )


def _inverse(value: float | None) -> float | None:
    return 1 / value if value else None
