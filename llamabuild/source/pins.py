"""The archives whose SHA-256 is known beforehand; the facts are in ``pins.toml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from llamabuild.types.base import Data

from .spec import PypiSpec, parse_source


class PypiPin(Data, frozen=True):
    """One sdist with a llama.cpp tree inside."""

    name: str
    """Normalised project name."""
    version: str
    sha256: str
    """Of the sdist."""
    tree: str
    """Pattern of the tree's folder in the archive, one ``*`` at most per component."""
    upstream: str
    """Commit of llama.cpp that the tree was taken from."""
    ggml: str
    """Version of ggml in the tree."""
    layout: str = ""
    """How the tree is laid out (``build/layouts.toml``); empty: as the present llama.cpp."""


class Pins(Data, frozen=True):
    """Everything in ``pins.toml``."""

    default: str
    """The source that is taken when none is named."""
    pypi: tuple[PypiPin, ...]


@cache
def load_pins() -> Pins:
    """Return the known pins."""
    data = files("llamabuild.source").joinpath("pins.toml").read_bytes()
    return msgspec.toml.decode(data, type=Pins)


def pin_for(name: str, version: str) -> PypiPin | None:
    """Return the pin of one version of a project, or None if it is not known."""
    found = (p for p in load_pins().pypi if (p.name, p.version) == (name, version))
    return next(found, None)


def pin_of(source: str) -> PypiPin | None:
    """Return the pin of a source as a user names it, or None where none is known.

    Raises:
        BadInput: It is none of a source's forms.
    """
    spec = parse_source(source)
    return pin_for(spec.name, spec.version) if isinstance(spec, PypiSpec) else None
