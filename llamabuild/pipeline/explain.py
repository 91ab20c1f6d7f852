"""Measure which part of a composed variant makes the difference, in fresh blocks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.compare.attribution import attribute, question_answered, question_of
from llamabuild.errors import BadInput, Interrupted
from llamabuild.store.results import Results
from llamabuild.variants import load_catalogue

from .recipes import Recipes
from .story import run_variants

if TYPE_CHECKING:
    from llamabuild.compare.attribution import Attribution, Question
    from llamabuild.types.run import Run

    from .observer import Observer
    from .request import Request

PROGRAM = ("python", "-m", "llamabuild")
COMMAND = "explain"
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class Explained(NamedTuple):
    """A question, and the run that answers it."""

    explains: str
    """Id of the run that raised it."""
    run: Run
    attribution: Attribution


def explain_run(run_id: str, variant: str | None, wishes: Request, observer: Observer) -> Explained:
    """Run the full variant against itself without each part; see :mod:`..compare.attribution`.

    A complete run that was made by this very command holds the answer already.

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
        trials = results.trials(asked.id)
    recipes = Recipes(load_catalogue(asked.source.spec, wishes.variants_dirs))
    if (answered := _answered(asked, recipes)) and variant in {None, answered.full}:
        brings = recipes.brought_along(answered)
        return Explained(_explains(asked), asked, attribute(asked, trials, answered, brings))
    question = question_of(asked, trials, variant, recipes.recipe)
    for part, other in question.contained.items():
        observer.note(f"{part} is contained in {other}: leaving it out would change nothing")
    parts = ", ".join(question.without)
    where = f" from {question.source}" if question.source else ""
    observer.note(f"explaining {question.full} against {question.base}{where}: {parts}")
    try:
        run = run_variants(request_for(asked, question, wishes), observer)
    except Interrupted as error:
        then = "once it is done, 'python -m llamabuild explain latest' gives the answer"
        raise Interrupted(error.message, f"{error.remedy}; {then}") from None
    with Results.open() as results:
        brings = recipes.brought_along(question)
        attribution = attribute(run, results.trials(run.id), question, brings)
    return Explained(asked.id, run, attribution)


def _answered(run: Run, recipes: Recipes) -> Question | None:
    """What a run was made to answer, such as one that was interrupted and resumed.

    Raises:
        BadInput: It is not complete.
    """
    if COMMAND not in run.command[: len(PROGRAM) + 1]:
        return None
    question = question_answered(run, recipes.recipe)
    if question and run.status != "done":
        message = f"run {run.id} is not complete"
        raise BadInput(message, f"'python -m llamabuild variants --resume {run.id}' goes on")
    return question


def _explains(run: Run) -> str:
    """The run that raised the question, by the command that was typed."""
    return next(filter(RUN_ID.fullmatch, run.command), "an earlier run")


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
