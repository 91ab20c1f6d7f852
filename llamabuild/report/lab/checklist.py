"""Which criteria of a complete lab are met."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.optimize.log import REACHED
from llamabuild.report.lab.document import Criterion
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.lab.document import Answer, AnswerSection
    from llamabuild.report.lab.material import LabMaterial


class _Wanted(Data, frozen=True, forbid_unknown_fields=True):
    text: str
    answers: tuple[str, ...]
    rows: int = 0
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
        if met and (few := _too_few_rows(answers[each.answers[0]], each.rows)):
            met, detail = False, few
        if met and each.reached:
            met, detail = _reached(lab)
        found.append(Criterion(text=each.text, met=met, detail=detail))
    return tuple(found)


def _too_few_rows(answer: Answer, least: int) -> str:
    rows = len(answer.found.rows)
    return f"{rows} of {least}" if rows < least else ""


def _reached(lab: LabMaterial) -> tuple[bool, str]:
    document = lab.challenge
    where = [r.workload for r in document.reached if r.target == REACHED] if document else []
    return bool(where), f"at {', '.join(where)}" if where else "on no workload"
