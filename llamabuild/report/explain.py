"""``explain`` for people and for scripts: which part of a composed variant gives how much."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from llamabuild.compare.attribution import Contribution, Effect
from llamabuild.report import numbers
from llamabuild.report.portable import clean
from llamabuild.types.base import Data
from llamabuild.types.comparison import EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from llamabuild.compare.attribution import Attribution
    from llamabuild.types.run import Run

SCHEMA = "llamabuild.explain/1"
WIDTH = 120
TOGETHER, INTERACTION = "together", "interaction"


class ExplainDocument(Data, frozen=True, kw_only=True):
    """``explain --json``. Ratios are throughput with the part over throughput without it."""

    schema: str
    run: str
    """That was measured for it."""
    explains: str
    """The run that raised the question."""
    full: str
    base: str
    workloads: tuple[str, ...]
    blocks: int
    usable: bool
    """False when the copy of the baseline came out faster or slower."""
    answer: str
    limits: str
    """What the run could not show."""
    whole: tuple[Effect, ...]
    parts: tuple[Contribution, ...]
    contained: dict[str, str]
    """Parts that were not measured, since another one brings the same along, which is named."""
    interaction: tuple[Effect, ...]
    """Whole over the product of the parts; 1 where they do not depend on each other."""


def explain_document(
    run: Run, explains: str, attribution: Attribution, limits: str = ""
) -> ExplainDocument:
    """Return the document of a run that was made for a question."""
    return ExplainDocument(
        schema=SCHEMA,
        run=run.id,
        explains=explains,
        full=attribution.question.full,
        base=attribution.question.base,
        workloads=tuple(load.name for load in run.workloads),
        blocks=attribution.comparisons.blocks,
        usable=all(item.usable for item in attribution.comparisons.noise),
        answer=" ".join(
            [
                *(
                    _sentence(whole, attribution.parts, attribution.question.base, place)
                    for place, whole in enumerate(attribution.whole)
                ),
                *_containments(attribution.question.contained),
            ]
        ),
        limits=limits,
        whole=attribution.whole,
        parts=tuple(
            Contribution(
                part=part.part,
                without=part.without,
                status=part.status,
                reason=clean(part.reason),
                effects=part.effects,
                brings=part.brings,
            )
            for part in attribution.parts
        ),
        contained=attribution.question.contained,
        interaction=attribution.interaction,
    )


def render_explain(document: ExplainDocument, width: int = WIDTH) -> str:
    """Return the answer, the table and what limits both, as plain text."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(Text(document.answer))
        console.print()
        console.print(_table(document))
        for part in document.parts:
            if part.reason:
                console.print(Text(f"{part.without}: {part.status}: {part.reason}"))
        if not document.usable:
            console.print(Text("The copy of the baseline did not come out equal: no proof."))
        if document.limits:
            console.print(Text(numbers.sentence(document.limits)))
        blocks = numbers.count(document.blocks, "block")
        console.print(Text(f"{blocks}; run {document.run}, which explains {document.explains}"))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _table(document: ExplainDocument) -> Table:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("part", *document.workloads, "verdict"):
        table.add_column(Text(header), overflow="fold")
    rows = [(_label(part), part.effects) for part in document.parts]
    rows.append((f"{TOGETHER} (against {document.base})", document.whole))
    if len(document.parts) > 1 or document.contained:
        # What a contained part does stays when the part that brings it along, too, is left out.
        rest = "".join(f", {part}" for part in document.contained)
        rows.append((f"{INTERACTION}{rest}", document.interaction))
    for name, effects in rows:
        cells = [_ratio(effect) for effect in effects]
        table.add_row(*(Text(cell) for cell in (name, *cells, _verdict(effects))))
    return table


def _ratio(effect: Effect) -> str:
    number = numbers.ratio(effect.ratio, effect.low, effect.high)
    return f"{number} {numbers.interval(effect.ratio, effect.low, effect.high)}".rstrip()


def _verdict(effects: Sequence[Effect]) -> str:
    """One verdict if all agree, else each with its workloads."""
    by_verdict: dict[str, list[str]] = {}
    for effect in effects:
        if effect.verdict:
            by_verdict.setdefault(effect.verdict, []).append(effect.workload)
    if len(by_verdict) == 1:
        return next(iter(by_verdict))
    return "; ".join(f"{v} at {numbers.listing(loads)}" for v, loads in by_verdict.items())


def _label(part: Contribution) -> str:
    """Name a part, and what comes and goes with it."""
    return f"{part.part} (with {numbers.listing(list(part.brings))})" if part.brings else part.part


def _containments(contained: Mapping[str, str]) -> list[str]:
    return [
        f"{part} is contained in {other} and was not measured apart from it."
        for part, other in contained.items()
    ]


def _sentence(whole: Effect, parts: Sequence[Contribution], base: str, place: int) -> str:
    """Return such as ``Of the 12 % [8, 16] at tg16, pgo gives 7 % [4, 10]``, with a full stop."""
    effects = {_label(part): part.effects[place] for part in parts}
    gives = [f"{p} gives {_percent(e)}" for p, e in effects.items() if e.verdict == FASTER]
    costs = [f"{p} costs {_percent(e)}" for p, e in effects.items() if e.verdict == SLOWER]
    same = [part for part, effect in effects.items() if effect.verdict == EQUIVALENT]
    open_ = [part for part, effect in effects.items() if effect.verdict == NO_DIFFERENCE]
    known = {FASTER, SLOWER, EQUIVALENT, NO_DIFFERENCE}
    absent = [part for part, effect in effects.items() if effect.verdict not in known]
    clauses = [
        numbers.listing(gives + costs),
        f"nothing shown for {numbers.listing(open_, 'or')}" if open_ else "",
        f"{numbers.listing(same)} {'makes' if len(same) == 1 else 'make'} no difference"
        if same
        else "",
        f"{numbers.listing(absent)} {'was' if len(absent) == 1 else 'were'} not measured"
        if absent
        else "",
    ]
    text = "; ".join(filter(None, clauses))
    if whole.verdict == FASTER:
        return f"Of the {_percent(whole)} at {whole.workload}, {text}."
    if whole.verdict == SLOWER:
        return f"At {whole.workload} all together cost {_percent(whole)} against {base}: {text}."
    seen = (
        "makes no difference to" if whole.verdict == EQUIVALENT else "is not shown to differ from"
    )
    if whole.verdict not in known:
        seen = "was not compared with"
    return f"At {whole.workload} the whole {seen} {base}: {text}."


def _percent(effect: Effect) -> str:
    """Write a ratio as a change in per cent; ``[low, high]`` in the same unit."""
    assert effect.ratio is not None
    ratios = (effect.ratio, effect.low or effect.ratio, effect.high or effect.ratio)
    changes = [100 * (ratio - 1) for ratio in ratios]
    turned = effect.verdict == SLOWER
    middle, low, high = (-changes[0], -changes[2], -changes[1]) if turned else changes
    small = abs(high - low) < 2 or abs(middle) < 2  # noqa: PLR2004 - whole per cent say too little
    digits = 1 if small else 0
    text = f"{middle:.{digits}f} %"
    if effect.low is None or effect.high is None:
        return text
    return f"{text} [{low:.{digits}f}, {high:.{digits}f}]"
