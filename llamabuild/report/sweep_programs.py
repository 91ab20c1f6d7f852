"""What sweeps of other programs than llama-bench say: gain by batch size, first tokens, guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llamabuild.report import numbers
from llamabuild.report.portable import clean
from llamabuild.types.comparison import EQUIVALENT, FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llamabuild.report.sweep_document import SweepInfo, SweepPoint, SweepResult
    from llamabuild.types.run import Run, Trial

PARALLEL = "parallel"
SHOWN = (FASTER, SLOWER, EQUIVALENT)
Cell = tuple[str, str]
"""Variant and workload."""


class Guesses(NamedTuple):
    """What was guessed in the trials of one point."""

    each: float
    """Tokens that were guessed in one trial, on average."""
    acceptance: float
    """Share of them that the model accepted."""


def guesses_of(run: Run, trials: Iterable[Trial]) -> dict[Cell, Guesses]:
    """Return, where anything was guessed, how much and how much of it was accepted.

    Warm-up and discarded blocks are left out, as they are of the speeds.
    """
    gone = {*range(run.schedule.warmup_blocks), *(item.block for item in run.discarded)}
    found: dict[Cell, list[tuple[int, int]]] = {}
    for trial in trials:
        guesses = trial.output.get("drafted_tokens")
        if trial.status != "ok" or trial.block in gone or not guesses:
            continue
        pair = (guesses, trial.output.get("accepted_tokens", 0))
        found.setdefault((trial.arm, trial.workload), []).append(pair)
    totals = {
        cell: [sum(column) for column in zip(*own, strict=True)] for cell, own in found.items()
    }
    return {
        cell: Guesses(each=drafted / len(found[cell]), acceptance=accepted / drafted)
        for cell, (drafted, accepted) in totals.items()
    }


def program_sentences(
    run: Run, trials: Sequence[Trial], info: SweepInfo, words: Mapping[str, str]
) -> list[str]:
    """Return what else is to be said of a sweep of another program; nothing for llama-bench's.

    Args:
        run: The run.
        trials: Its trials.
        info: Its points.
        words: Each workload's name in words.
    """
    if not run.program:
        return []
    told: list[str] = []
    for place, name in enumerate(words.values()):
        measured = [p for p in info.points if p.workloads and p.workloads[place].median is not None]
        told += _gain(info, measured, place, name)
        for point in measured[1:]:
            first, result = measured[0], point.workloads[place]
            if result.first_token_ms is not None:
                told.append(_first_token(first, point, place, name))
            told += _guesses(result, point, run)
    if any(result.acceptance is not None for p in info.points for result in p.workloads):
        told += _caveats(run)
    return [*told, *_draft(run), *_texts(run, trials, info)]


def _gain(info: SweepInfo, measured: Sequence[SweepPoint], place: int, words: str) -> Iterator[str]:
    """Say what sequences at once bring together, and what is left of each one's speed."""
    batched = [p for p in measured[1:] if p.workloads[place].ratio is not None]
    if [axis.name for axis in info.axes] != [PARALLEL] or not batched:
        return
    results = [(point.label, point.workloads[place]) for point in batched]
    together = numbers.listing(
        [
            f"{_ratio(result)} with {label}" + ("" if result.verdict in SHOWN else " (not shown)")
            for label, result in results
        ]
    )
    each = numbers.listing([numbers.part(result.efficiency) for _, result in results])
    yield (
        f"{words.capitalize()}: against {measured[0].label} at a time, sequences at once bring a "
        f"throughput of {together}; each of them then runs at {each} of its speed."
    )


def _first_token(first: SweepPoint, point: SweepPoint, place: int, words: str) -> str:
    one, other = first.workloads[place], point.workloads[place]
    return (
        f"{words.capitalize()} of {one.name}: {_milliseconds(one)} with {first.label}, "
        f"{_milliseconds(other)} with {point.label}, {_ratio(other)} as fast. Loading the model is "
        "no part of it, reading the saved state is."
    )


def _guesses(result: SweepResult, point: SweepPoint, run: Run) -> Iterator[str]:
    kind = next(load.kind for load in run.workloads if load.name == result.name)
    if kind != "gen":
        return
    if result.acceptance is None:
        yield f"{point.label}: nothing was guessed in so short a text ({result.name})."
        return
    against = f", {_ratio(result)} of the speed without" if result.ratio is not None else ""
    guessed = f"{result.drafted_tokens or 0:.0f} guessed tokens"
    yield (
        f"{point.label}: {numbers.part(result.acceptance)} of {guessed} were accepted "
        f"({result.name}){against}."
    )


def _draft(run: Run) -> Iterator[str]:
    if run.draft is None:
        return
    if run.draft.sha256 == run.model.sha256:
        yield "The draft model is the model itself: a smaller one of its family would guess faster."
        return
    name = f"{clean(run.draft.name)} {clean(run.draft.quantization)}"
    sizes = f"{numbers.size(run.draft.size_bytes)} beside {numbers.size(run.model.size_bytes)}"
    yield f"The draft model is {name}, {sizes}."


def _caveats(run: Run) -> Iterator[str]:
    if run.model.synthetic or (run.draft is not None and run.draft.synthetic):
        yield (
            "The weights are random: how many guesses are accepted says nothing about real text, "
            "and so neither does the speed."
        )
        return
    yield (
        "How many guesses are accepted depends on the text: this is one short text, generated by "
        "always taking the likeliest token, and small models soon repeat themselves then."
    )


def _texts(run: Run, trials: Sequence[Trial], info: SweepInfo) -> Iterator[str]:
    """Say at which points another text came out than at the first; sampling is greedy."""
    found: dict[Cell, str] = {}
    for trial in trials:
        text = trial.output.get("text")
        if trial.status == "ok" and isinstance(text, str):
            found.setdefault((trial.arm, trial.workload), text)
    pairs = [
        (point, load.name, found[first], found[other])
        for load in run.workloads
        for point in info.points[1:]
        if (first := (info.points[0].variant, load.name)) in found
        and (other := (point.variant, load.name)) in found
    ]
    if not pairs:
        return
    differ = [(point, name) for point, name, one, other in pairs if not _alike(one, other)]
    for point, name in differ:
        yield (
            f"{point.label} generated another text than {info.points[0].label} on {name}: batches "
            "of other sizes run other kernels, whose rounding can turn a close decision."
        )
    if not differ:
        yield "All points generated the same text."


def _alike(one: str, other: str) -> bool:
    """Tell whether one text begins like the other; guesses accepted last make one longer."""
    return one.startswith(other) or other.startswith(one)


def _ratio(result: SweepResult) -> str:
    number = numbers.ratio(result.ratio, result.low, result.high)
    return f"{number} {numbers.interval(result.ratio, result.low, result.high)}".strip()


def _milliseconds(result: SweepResult) -> str:
    return f"{numbers.throughput(result.first_token_ms)} ms"
