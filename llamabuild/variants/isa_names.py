"""The ISA groups and CPU features that a file may name, and clear words about any other.

A group that does not exist is never found: forbidden, it would always pass.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.machine.features import feature_table

from .promises import IF_CPU_HAS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .file import ExpectTable, VariantFile

NO_GROUP = frozenset({"popcnt", "lzcnt", "movbe", "amx_int8", "amx_bf16"})
"""Features that are no ISA group; all others have one of their name, and a test sees to it."""


@cache
def features() -> tuple[str, ...]:
    """Return all CPU features that have a name."""
    return tuple(feature.name for feature in feature_table().feature)


@cache
def groups() -> tuple[str, ...]:
    """Return all ISA groups that ``inspect`` counts, of every architecture."""
    return tuple(name for name in features() if name not in NO_GROUP)


def check_isa_names(path: Path, file: VariantFile) -> None:
    """Refuse what no machine code and no CPU can have.

    Raises:
        BadInput: ``requires.cpu`` or an expectation has an unknown name.
    """
    _check(path, "requires.cpu", "CPU feature", file.requires.cpu, features())
    for number, expect in enumerate(file.expect or ()):
        _check_expectation(path, f"expect[{number}]", expect)


def _check_expectation(path: Path, key: str, expect: ExpectTable) -> None:
    required = [group.removeprefix(IF_CPU_HAS) for group in expect.require]
    _check(path, f"{key}.require", "ISA group", required, groups())
    for group in expect.forbid:
        if group.startswith(IF_CPU_HAS):
            name = group.removeprefix(IF_CPU_HAS)
            message = f"{path}: {key}.forbid: '{group}' is for 'require' alone"
            raise BadInput(message, f"write '{name}': what is forbidden is so on every CPU")
    _check(path, f"{key}.forbid", "ISA group", expect.forbid, groups())


def _check(path: Path, key: str, what: str, names: Iterable[str], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            message = f"{path}: {key}: unknown {what} '{name}'"
            raise BadInput(message, did_you_mean(name, known) or f"one of: {' '.join(known)}")
