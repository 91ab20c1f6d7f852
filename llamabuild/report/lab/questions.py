"""The questions of a lab, from ``questions.toml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from llamabuild.types.base import Data


class Question(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question; the file says what each field means."""

    name: str
    asks: str
    part: str
    answer: str
    anyway: bool = False
    lever: str = ""


class QuestionSection(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The questions that belong together."""

    name: str
    title: str
    question: tuple[Question, ...]


class _File(Data, frozen=True, forbid_unknown_fields=True):
    section: tuple[QuestionSection, ...]


@cache
def question_sections() -> tuple[QuestionSection, ...]:
    """Return all questions in the lab's order."""
    text = files(__package__).joinpath("questions.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_File).section
