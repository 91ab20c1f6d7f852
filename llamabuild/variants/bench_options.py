"""llama-bench's arguments by option, so that those of several variants can be joined.

llama-bench takes an option that is given twice as a list of two tests; it must be there once.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTION = re.compile(r"--?[A-Za-z]")


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    short: dict[str, str]


@cache
def _facts() -> _Facts:
    text = resources.files(__package__).joinpath("bench_options.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Facts)


def by_option(arguments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return each option, under its short name, with its values; ``-1`` is a value."""
    options: dict[str, tuple[str, ...]] = {}
    name = ""
    for argument in arguments:
        if OPTION.match(argument):
            spelt = argument.replace("_", "-") if argument.startswith("--") else argument
            name = _facts().short.get(spelt, spelt)
            options[name] = ()
        else:
            options[name] = (*options.get(name, ()), argument)
    return options


def joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments of both, each option once; where both have one, the second's."""
    options = {**by_option(first), **by_option(second)}
    return tuple(word for name, values in options.items() for word in (name, *values) if word)
