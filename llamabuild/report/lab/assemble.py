"""The document of a lab, from the store alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.lab.parts import parts
from llamabuild.report import numbers
from llamabuild.report.lab.answers import answered
from llamabuild.report.lab.checklist import checklist
from llamabuild.report.lab.document import (
    SCHEMA,
    LabDocument,
    LabInfo,
    PartInfo,
)
from llamabuild.report.lab.insights import MOST_EFFECTIVE, insights
from llamabuild.report.lab.recommend import recommendations
from llamabuild.report.portable import clean
from llamabuild.types.lab import DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.lab.document import (
        Criterion,
        Insight,
    )
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.types.inputs import Model
    from llamabuild.types.lab import Lab


def lab_document(lab: LabMaterial) -> LabDocument:
    """Return the whole lab as one document."""
    record = lab.record
    sections = answered(lab)
    criteria = checklist(lab, sections)
    learned = insights(lab)
    return LabDocument(
        schema=SCHEMA,
        run=LabInfo(
            id=record.id,
            started=record.started,
            finished=record.finished,
            status=record.status,
            command=tuple(clean(word) for word in record.command),
            version=record.version,
            seed=record.seed,
            budget_seconds=record.budget_seconds,
            spent_seconds=record.spent_seconds,
        ),
        machine=record.machine,
        models=tuple(map(_model, record.models)),
        base=clean(record.base),
        target=record.target,
        answer=lab.challenge.answer if lab.challenge else "The challenge was not done.",
        summary=_summary(criteria, learned),
        criteria=criteria,
        sections=sections,
        insights=learned,
        recommendations=recommendations(lab),
        parts=_parts(record),
    )


def _summary(criteria: Sequence[Criterion], learned: Sequence[Insight]) -> str:
    """Say what brought most, and how much of the lab is complete."""
    best = next((each.text for each in learned if each.topic == MOST_EFFECTIVE), "")
    met = sum(each.met for each in criteria)
    whole = f"{met} of {numbers.count(len(criteria), 'criterion', 'criteria')} of the lab are met."
    return f"{best} {whole}".lstrip()


def _model(model: Model) -> str:
    weights = "random weights" if model.synthetic else "trained weights"
    size = numbers.size(model.size_bytes)
    return f"{clean(model.name)} {clean(model.quantization)} ({size}, {weights})"


def _parts(record: Lab) -> tuple[PartInfo, ...]:
    known = parts()
    return tuple(
        PartInfo(
            name=part.name,
            title=known[part.name].title if part.name in known else part.name,
            status=part.status,
            run=part.run if part.status == DONE else "",
            reason=clean(part.reason),
            model=clean(part.model),
            seconds=part.seconds,
        )
        for part in record.parts
    )
