"""A lab: which parts were done, and which stored run holds each."""

from __future__ import annotations

from .base import Data
from .inputs import Model
from .machine import Machine

PENDING, DONE, LEFT_OUT, FAILED = "pending", "done", "left out", "failed"


class LabPart(Data, frozen=True, kw_only=True):
    """One part of the plan and how it ended."""

    name: str
    """That of an entry in ``lab/parts.toml``."""
    status: str = PENDING
    """``pending``, ``done``, ``left out`` (its reason says why) or ``failed``."""
    run: str = ""
    """Id of the stored run, profile, kernel run or optimization; empty where there is none."""
    reason: str = ""
    model: str = ""
    """Name of the model that it ran on; empty where none is involved."""
    seconds: float = 0.0
    """What it took."""


class Lab(Data, frozen=True, kw_only=True):
    """The whole record: enough to go on with it, and to find all that it measured."""

    id: str
    started: str
    finished: str
    """Empty while it is under way."""
    status: str
    """``running``, ``interrupted``, ``done`` or ``failed``."""
    command: tuple[str, ...]
    version: str
    machine: Machine
    models: tuple[Model, ...]
    """The first is what is tuned; others answer what it can't."""
    source: str
    """As it was asked for; empty is the default."""
    base: str
    """The variant that everything starts from."""
    target: float
    """Ratio to the baseline that the challenge asks for."""
    goal: str
    """Of the challenge, such as ``both``."""
    budget_seconds: float
    seed: int
    parts: tuple[LabPart, ...]
    """In the order in which they are done."""
    spent_seconds: float = 0.0

    def part(self, name: str) -> LabPart:
        """Return a part, one that never began where the plan was another."""
        return next((part for part in self.parts if part.name == name), LabPart(name=name))
