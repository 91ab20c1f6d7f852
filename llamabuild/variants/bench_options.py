"""llama-bench's arguments by option: those of several variants joined, and those that can't be.

llama-bench takes an option that is given twice as a list of two tests, as it does ``1,2`` and
``1-4``; each must be there once, with one value.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPTION = re.compile(r"--?[A-Za-z]")
RANGE = re.compile(r"-?[0-9]+-[0-9]+([+*][0-9]+)?")


class Complaint(NamedTuple):
    """Why a variant can't have some arguments."""

    what: str
    remedy: str


class _Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    options: tuple[str, ...]
    why: str


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    short: dict[str, str]
    one_value: tuple[str, ...]
    refused: tuple[_Refused, ...]


@cache
def _facts() -> _Facts:
    text = resources.files(__package__).joinpath("bench_options.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Facts)


def by_option(arguments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return each option, under its short name, with its values; ``-1`` is a value."""
    return dict(_each(arguments))


def without(arguments: Sequence[str], option: str) -> tuple[str, ...]:
    """Return the arguments but for one option, given by its short name."""
    rest = {name: values for name, values in by_option(arguments).items() if name != option}
    return tuple(word for name, values in rest.items() for word in (name, *values) if word)


def complaint(arguments: Sequence[str]) -> Complaint | None:
    """Return what is wrong with a variant's own arguments, None if they are one test's."""
    facts = _facts()
    refused = {option: entry.why for entry in facts.refused for option in entry.options}
    seen: set[str] = set()
    for option, values in _each(arguments):
        if option in refused:
            return Complaint(f"'{option}' is not a variant's to set", refused[option])
        if option in seen:
            return Complaint(f"'{option}' is there twice", "to llama-bench that is two tests")
        seen.add(option)
        lists = [word for word in values if "," in word or RANGE.fullmatch(word)]
        if lists and option not in facts.one_value:
            what = f"'{option} {lists[0]}' is several tests to llama-bench"
            return Complaint(what, "give it one value; 'sweep' measures several")
    return None


def _each(arguments: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield options in their order, under their short names, each with its values."""
    name = ""
    values: tuple[str, ...] = ()
    for argument in arguments:
        if not OPTION.match(argument):
            values = (*values, argument)
            continue
        if name or values:
            yield name, values
        spelt = argument.replace("_", "-") if argument.startswith("--") else argument
        name, values = _facts().short.get(spelt, spelt), ()
    if name or values:
        yield name, values


def joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments of both, each option once; where both have one, the second's."""
    options = {**by_option(first), **by_option(second)}
    return tuple(word for name, values in options.items() for word in (name, *values) if word)
