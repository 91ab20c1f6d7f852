"""``prebuilt:PATH`` on the command line: a program that somebody else built, as a variant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.types.variant import Runtime, Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

KIND = "prebuilt"
PREFIX = "prebuilt:"
MAX_NAME = 40
BESIDE_IT = {"LD_LIBRARY_PATH": "$ORIGIN"}
"""The loader replaces ``$ORIGIN`` by the folder of the program that it starts: whatever RUNPATH a
copied program carries, it finds the copies beside it, and the setting names no folder."""


def is_prebuilt(name: str) -> bool:
    """Tell whether a variant's name on the command line is one of a prebuilt program."""
    return name.startswith(PREFIX)


def prebuilt_variant(spec: str) -> Variant:
    """Return the variant of ``prebuilt:PATH``: a llama-bench, or a folder of shared libraries.

    It is named after the last part of the path; the whole path is in ``source``, absolute, so
    that a run can be resumed from another folder.

    Raises:
        BadInput: There is no such file or folder, or it cannot be looked at.
    """
    try:
        path = Path(spec.removeprefix(PREFIX)).expanduser()
        there = spec != PREFIX and "\0" not in spec and path.exists()
        is_folder = there and path.is_dir()
    except (OSError, RuntimeError) as error:  # RuntimeError: nobody's home
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"'{spec}' cannot be read ({reason})"
        raise BadInput(message, "name a file or folder that you may read") from error
    if not there:
        message = f"'{spec}': there is no such file or folder"
        raise BadInput(message, "name a llama-bench, or a folder of ggml's and llama's libraries")
    path = path.absolute()
    what = "Libraries that are there already" if is_folder else "A llama-bench that is there"
    return Variant(
        name=PREFIX + _slug(path.name),
        description=f"{what}, built by somebody else",
        kind=KIND,
        source=f"{PREFIX}{path}",
        runtime=Runtime(environment=BESIDE_IT),
        origins={"source": "command line"},
    )


def prebuilt_path(variant: Variant) -> Path:
    """Return the file or folder that a prebuilt variant stands for."""
    return Path(variant.source.removeprefix(PREFIX))


def with_own_names(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Number prebuilt variants whose names would be the same: ``prebuilt:bin``, ``prebuilt:bin-2``.

    The same path given twice remains one name.
    """
    sources: dict[str, list[str]] = {}
    named = []
    for variant in variants:
        if variant.kind != KIND:
            named.append(variant)
            continue
        known = sources.setdefault(variant.name, [])
        if variant.source not in known:
            known.append(variant.source)
        place = known.index(variant.source) + 1
        name = variant.name if place == 1 else f"{variant.name}-{place}"
        named.append(msgspec.structs.replace(variant, name=name))
    return tuple(named)


def _slug(name: str) -> str:
    """Keep what is safe in tables, file names and terminals."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:MAX_NAME].strip("-.") or "files"
