"""The JSON document of ``roofline --json``."""

from __future__ import annotations

from llamabuild.roofline import Roofline
from llamabuild.types.base import Data
from llamabuild.types.inputs import Traffic
from llamabuild.types.machine import Machine

SCHEMA = "llamabuild.roofline/1"


class RooflineModel(Data, frozen=True, kw_only=True):
    """The model, without its place on this machine."""

    spec: str
    name: str
    quantization: str
    bytes: int
    sha256: str
    traffic: Traffic | None
    """What a token costs."""


class RooflineDocument(Data, frozen=True, kw_only=True):
    """Bounds of a model on a machine, and the shares that a run of variants reached."""

    schema: str
    machine: Machine
    model: RooflineModel
    run: str
    """Id of the run of variants; empty when there is none with this model."""
    roofline: Roofline
    notes: tuple[str, ...]
    """What was left out, with the reason."""
