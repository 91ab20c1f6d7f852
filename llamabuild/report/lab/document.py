"""The JSON document of ``lab --json``: nothing in it names a folder of the machine."""

from __future__ import annotations

from llamabuild.types.base import Data
from llamabuild.types.lab import LEFT_OUT, PENDING
from llamabuild.types.machine import Machine

SCHEMA = "llamabuild.lab/1"


class Figure(Data, frozen=True, kw_only=True):
    """One number behind an answer."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""


class Found(Data, frozen=True, kw_only=True):
    """What is known of a question."""

    text: str = ""
    """The answer in a sentence or more, names in backticks; empty where there is none."""
    reason: str = ""
    """Why it could not be measured here, with what it would take."""
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    plots: tuple[str, ...] = ()
    """Names of pictures of the part's own report."""


class Answer(Data, frozen=True, kw_only=True):
    """A question and what is known of it."""

    name: str
    asks: str
    part: str
    run: str
    """Id of the stored run behind it; empty where there is none."""
    model: str
    """Which it was measured on."""
    status: str
    """Of its part: ``done``, ``left out``, ``failed`` or ``pending``."""
    found: Found

    @property
    def without(self) -> str:
        """What it is that has a reason instead of an answer."""
        skipped = self.status in {LEFT_OUT, PENDING}
        return "Not measured" if skipped else "Not measurable here"


class AnswerSection(Data, frozen=True, kw_only=True):
    """Answers that belong together."""

    name: str
    title: str
    answers: tuple[Answer, ...]


class Insight(Data, frozen=True, kw_only=True):
    """Something that a lab taught."""

    topic: str
    """``most effective``, ``trade-off``, ``surprise`` or ``next``."""
    text: str
    run: str


class Recommendation(Data, frozen=True, kw_only=True):
    """What to do in production, and why."""

    topic: str
    """``threads``, ``memory``, ``quantization``, ``hardware`` or ``monitoring``."""
    text: str
    rule: str
    """By which it follows from the measurement."""
    evidence: str
    """The measurement, in words."""
    run: str
    """Its id."""


class Criterion(Data, frozen=True, kw_only=True):
    """One criterion of a complete lab."""

    text: str
    met: bool
    detail: str


class PartInfo(Data, frozen=True, kw_only=True):
    """One part of the plan and how it ended."""

    name: str
    title: str
    status: str
    run: str
    reason: str
    model: str
    seconds: float


class LabInfo(Data, frozen=True, kw_only=True):
    """When and how the lab was done. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    status: str
    command: tuple[str, ...]
    version: str
    seed: int
    budget_seconds: float
    spent_seconds: float


class LabDocument(Data, frozen=True, kw_only=True):
    """A whole lab."""

    schema: str
    run: LabInfo
    machine: Machine
    models: tuple[str, ...]
    base: str
    target: float
    answer: str
    """What the challenge reached."""
    summary: str
    """What brought most, and how much of the lab is complete."""
    criteria: tuple[Criterion, ...]
    sections: tuple[AnswerSection, ...]
    insights: tuple[Insight, ...]
    recommendations: tuple[Recommendation, ...]
    parts: tuple[PartInfo, ...]
