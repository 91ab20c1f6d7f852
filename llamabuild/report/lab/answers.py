"""The answers: each function makes one from the part that measured it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.lab.answers_baseline import (
    bound,
    hot_functions,
    rates,
    roofline,
    system,
    trials,
    worst_misses,
)
from llamabuild.report.lab.answers_builds import (
    allocators,
    builds,
    native_rebuild,
    own_kernels,
    simd,
    training,
)
from llamabuild.report.lab.answers_challenge import (
    before_after,
    log,
    of_lever,
    rejected,
    target,
)
from llamabuild.report.lab.answers_sweeps import (
    scaling,
    speculation,
    sweep,
    why_not_more,
)
from llamabuild.report.lab.document import Answer, AnswerSection, Found
from llamabuild.report.lab.questions import question_sections
from llamabuild.report.portable import clean
from llamabuild.types.lab import DONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.lab.questions import Question

ANSWERS: dict[str, Callable[[LabMaterial, str], Found]] = {
    function.__name__: function
    for function in (
        trials, system, roofline, rates, hot_functions, bound, worst_misses,
        scaling, why_not_more, sweep, speculation,
        simd, native_rebuild, builds, training, allocators, own_kernels,
        target, before_after, log, rejected,
    )
}  # fmt: skip
"""By the name that ``questions.toml`` has for it. Each gets the lab and the part's name."""


def answered(lab: LabMaterial) -> tuple[AnswerSection, ...]:
    """Return all questions with what is known of them."""
    return tuple(
        AnswerSection(
            name=section.name,
            title=section.title,
            answers=tuple(_answer(lab, question) for question in section.question),
        )
        for section in question_sections()
    )


def _answer(lab: LabMaterial, question: Question) -> Answer:
    part = lab.record.part(question.part)
    if part.status == DONE or question.anyway:
        found = ANSWERS[question.answer](lab, question.part)
    else:
        found = Found(reason=clean(part.reason) or f"{part.status}, as the lab did not get there")
        if (told := of_lever(lab, question.lever)) is not None:
            name, document = next((n, m.document) for n, m in lab.optimizations.items())
            return Answer(
                name=question.name,
                asks=question.asks,
                part=name,
                run=document.run.id,
                model=document.model,
                status=DONE,
                found=told,
            )
    return Answer(
        name=question.name,
        asks=question.asks,
        part=question.part,
        run=part.run,
        model=clean(part.model),
        status=part.status,
        found=found,
    )
