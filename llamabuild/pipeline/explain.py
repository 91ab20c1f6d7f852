"""Measure which part of a composed variant makes the difference, in fresh blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.compare.attribution import attribute, question_of
from llamabuild.store.results import Results

from .story import run_variants

if TYPE_CHECKING:
    from llamabuild.compare.attribution import Attribution, Question
    from llamabuild.types.run import Run

    from .observer import Observer
    from .request import Request


class Explained(NamedTuple):
    """A question, and the run that answers it."""

    explains: str
    """Id of the run that raised it."""
    run: Run
    attribution: Attribution


def explain_run(run_id: str, variant: str | None, wishes: Request, observer: Observer) -> Explained:
    """Run the full variant against itself without each part; see :mod:`..compare.attribution`.

    What was searched is not confirmed by the trials that it was found with: all trials are new.

    Args:
        run_id: A stored run, or ``latest``.
        variant: A composed one of that run; None for its fastest.
        wishes: Blocks, seed and so on; model, source, workloads and threads are the run's.
        observer: Is told what happens.

    Raises:
        BadInput: No such run or variant, or none that is composed.
        LlamabuildError: As :func:`run_variants`.
    """
    with Results.open() as results:
        asked = results.run(run_id)
        question = question_of(asked, results.trials(asked.id), variant)
    parts = ", ".join(question.without)
    where = f" from {question.source}" if question.source else ""
    observer.note(f"explaining {question.full} against {question.base}{where}: {parts}")
    run = run_variants(request_for(asked, question, wishes), observer)
    with Results.open() as results:
        attribution = attribute(run, results.trials(run.id), question)
    return Explained(asked.id, run, attribution)


def request_for(asked: Run, question: Question, wishes: Request) -> Request:
    """Return the request of the run that answers a question about a stored one."""
    return replace(
        wishes,
        names=question.arms(),
        baseline=question.full,
        sources=(question.source or asked.source.spec,),
        model=asked.model.spec,
        workloads=tuple(load.name for load in asked.workloads),
        threads=asked.threads,
    )
