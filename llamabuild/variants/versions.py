"""``clang-19``: a variant of a family of compilers, with one version of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.variant import Toolchain

from .resolve import chain_of

if TYPE_CHECKING:
    from llamabuild.types.variant import Variant

    from .resolve import Files

FAMILIES = {"gcc": "g++", "clang": "clang++"}
"""C compiler to C++ compiler; a version stands behind both names (``gcc-12``, ``g++-12``)."""
VERSIONED = re.compile(r"(?P<file>.+)-(?P<version>[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: a file, and the version of its compiler."""

    written: str
    file: str
    version: str = ""
    family: str = ""
    """C compiler that the version is of."""


def parse_name(word: str, files: Files) -> Named:
    """Return what one part of a name means; a file of that very name goes first.

    Raises:
        BadInput: Neither a file nor a version of one.
    """
    if word in files:
        return Named(word, word)
    match = VERSIONED.fullmatch(word)
    if match and match["file"] in files and (family := _family(match["file"], files)):
        return Named(word, match["file"], match["version"], family)
    message = f"unknown variant '{word}'" if word else "a variant's name has an empty part"
    raise BadInput(message, did_you_mean(word, files) or f"known: {', '.join(files)}")


def with_version(variant: Variant, named: Named) -> Variant:
    """Return the variant with the version of its compilers that its name asks for."""
    if not named.version:
        return variant
    rest = variant.description.partition(":")[2].strip()
    said = dict.fromkeys(("toolchain.c", "toolchain.cxx"), f"the name '{named.written}'")
    return msgspec.structs.replace(
        variant,
        description=f"{named.written}: {rest or variant.description}",
        toolchain=Toolchain(
            c=f"{named.family}-{named.version}",
            cxx=f"{FAMILIES[named.family]}-{named.version}",
        ),
        origins={**variant.origins, **said},
    )


def _family(name: str, files: Files) -> str:
    """The family that the nearest file of a chain names; empty if it is none."""
    named = (link.layer.file.toolchain.c for link in chain_of(name, files))
    compiler = next((c for c in named if c is not None), "")
    return compiler if compiler in FAMILIES else ""
