"""Programs besides those of every build: made only for variants whose setting asks for one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.machine.allocators import LINK

if TYPE_CHECKING:
    from llamabuild.types.inputs import Source
    from llamabuild.types.variant import Variant


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``programs.toml``."""

    places: tuple[str, ...]
    cmake: dict[str, str] = {}


@cache
def programs() -> dict[str, Program]:
    """Return the shipped facts by target."""
    data = Path(__file__).with_name("programs.toml").read_bytes()
    return msgspec.toml.decode(data, type=dict[str, Program])


def program_targets(variant: Variant) -> tuple[str, ...]:
    """Return the targets that a variant's build makes besides those of all builds."""
    return (variant.runtime.program,) if variant.runtime.program else ()


def program_variables(variant: Variant) -> dict[str, str]:
    """Return the cache variables that they take."""
    return {n: v for name in program_targets(variant) for n, v in programs()[name].cmake.items()}


def lacking_program(variant: Variant, source: Source) -> str:
    """Return why a variant's program cannot be built from a tree, or the empty string."""
    for name in program_targets(variant):
        if not any((Path(source.tree) / place).is_dir() for place in programs()[name].places):
            tree = source.version or source.spec
            return f"its source ({tree}) has no {name}; name a newer one with --source"
        if variant.allocator.how == LINK:
            return f"allocators are not linked to {name}; take the preloaded one"
    return ""
