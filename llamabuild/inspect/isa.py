"""ISA groups: names, ranks and the rules that put an instruction into them.

The facts are in ``isa_x86.toml`` and ``isa_aarch64.toml``; a new group is one entry there.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.base import Data

from .architecture import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NO_SIMD = "none"


class Group(Data, frozen=True):
    """An ISA group."""

    name: str
    description: str
    simd: bool = True
    """False for groups of general registers, which are never a file's highest."""
    rules: dict[str, str] = {}
    """Encoding to mnemonics, as the data file has them."""
    otherwise: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    exempt: str = ""


class Isa(Data, frozen=True):
    """The groups of one architecture, lowest rank first, and their rules."""

    groups: tuple[Group, ...]
    prefixes: tuple[str, ...]
    """Words that objdump puts before the mnemonic."""
    scalar: str
    ungrouped: dict[str, str]
    sets: dict[str, tuple[str, ...]]
    classes: dict[str, tuple[str, ...]]


@cache
def isa_of(architecture: str) -> Isa:
    """Return the ISA of one of the architectures in :data:`~.architecture.ARCHITECTURES`."""
    path = Path(__file__).parent / ARCHITECTURES[architecture].data_file
    data = tomllib.loads(path.read_text("utf-8"))
    return Isa(
        groups=tuple(_group(entry) for entry in data["groups"]),
        prefixes=tuple(data["prefixes"].split()),
        scalar=data["scalar"],
        ungrouped=data["ungrouped"],
        sets={name: tuple(words.split()) for name, words in data["sets"].items()},
        classes={name: tuple(classes) for name, classes in data["classes"].items()},
    )


def _group(entry: dict[str, Any]) -> Group:
    known = {key: entry.pop(key) for key in Group.__struct_fields__ if key in entry}
    for key in ("otherwise", "every"):
        known[key] = tuple(known.get(key, ()))
    return Group(**known, rules=entry)


def expanded(pattern: str, sets: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield each word that a pattern stands for: ``{a,b}`` alternatives, ``{@name}`` a set."""
    pieces = re.split(r"\{([^}]*)\}", pattern)
    choices = [
        [
            word
            for item in piece.split(",")
            for word in (sets[item[1:]] if item.startswith("@") else (item,))
        ]
        if index % 2
        else [piece]
        for index, piece in enumerate(pieces)
    ]
    return map("".join, itertools.product(*choices))


def group_names(architecture: str) -> tuple[str, ...]:
    """Return the groups of an architecture, lowest rank first."""
    return tuple(group.name for group in isa_of(architecture).groups)


def highest(groups: Iterable[str], architecture: str) -> str:
    """Return the SIMD group of the highest rank among those given, ``none`` without any."""
    found = set(groups)
    ranked = (g.name for g in reversed(isa_of(architecture).groups) if g.simd and g.name in found)
    return next(ranked, NO_SIMD)


def checked_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the names as they are, once each is known on some architecture.

    Raises:
        BadInput: A name is no ISA group; a close one is suggested.
    """
    names = tuple(groups)
    known = dict.fromkeys(name for known_isa in ARCHITECTURES for name in group_names(known_isa))
    for name in names:
        if name not in known:
            message = f"unknown ISA group '{name}'"
            raise BadInput(message, did_you_mean(name, known) or f"one of: {' '.join(known)}")
    return names
