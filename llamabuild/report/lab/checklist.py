"""Which criteria of a complete lab are met."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.lab.parts import BASELINE
from llamabuild.optimize.log import REACHED
from llamabuild.report.baseline import baseline_document
from llamabuild.report.lab.document import Criterion
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.lab.document import AnswerSection
    from llamabuild.report.lab.material import LabMaterial


class _Wanted(Data, frozen=True, forbid_unknown_fields=True):
    text: str
    answers: tuple[str, ...]
    trials: int = 0
    reached: bool = False


class _File(Data, frozen=True, forbid_unknown_fields=True):
    criterion: tuple[_Wanted, ...]


@cache
def wanted() -> tuple[_Wanted, ...]:
    """Return the criteria of ``criteria.toml``."""
    text = files(__package__).joinpath("criteria.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_File).criterion


def checklist(lab: LabMaterial, sections: Sequence[AnswerSection]) -> tuple[Criterion, ...]:
    """Return each criterion with why it is not met."""
    answers = {answer.name: answer for section in sections for answer in section.answers}
    found = []
    for each in wanted():
        lacking = [name for name in each.answers if not answers[name].found.text]
        detail = "; ".join(dict.fromkeys(answers[name].found.reason for name in lacking))
        met = not lacking
        if met and (few := _too_few_trials(lab, each.trials)):
            met, detail = False, few
        if met and each.reached:
            met, detail = _reached(lab)
        found.append(Criterion(text=each.text, met=met, detail=detail))
    return tuple(found)


def _too_few_trials(lab: LabMaterial, least: int) -> str:
    """Say how many trials of the baseline counted on the workload that has fewest."""
    material = lab.runs.get(BASELINE)
    if not least or material is None:
        return ""
    fewest = min(
        sum(trial.tokens_per_second is not None for trial in workload.trials)
        for workload in baseline_document(material).workloads
    )
    return f"{fewest} of {least}" if fewest < least else ""


def _reached(lab: LabMaterial) -> tuple[bool, str]:
    document = lab.challenge
    where = [r.workload for r in document.reached if r.target == REACHED] if document else []
    return bool(where), f"at {', '.join(where)}" if where else "on no workload"
