"""From a variant's llama-bench arguments to those with which another program does the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How llama-perplexity spells an option of llama-bench."""

    names: tuple[str, ...]
    becomes: str = ""
    separators: str = ""
    values: dict[str, str] = {}


class WithoutEffect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options on which no output depends."""

    with_value: tuple[str, ...]
    alone: tuple[str, ...]
    same: tuple[str, ...]
    """Of those with a value, the ones that other programs have too; they matter to the clock."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``arguments.toml``."""

    option: tuple[Option, ...]
    without_effect: WithoutEffect


class Translation(msgspec.Struct, frozen=True):
    """What the other program is given, and what could not be told to it."""

    arguments: tuple[str, ...]
    untranslated: tuple[str, ...]
    """As the variant has them, each with its value."""


@cache
def facts() -> Facts:
    """Return the shipped table."""
    data = Path(__file__).with_name("arguments.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def perplexity_arguments(bench: Sequence[str]) -> Translation:
    """Translate for llama-perplexity; options that no output depends on are left out."""
    return _translation(bench, facts().without_effect.with_value, ())


def timed_arguments(bench: Sequence[str]) -> Translation:
    """Translate for a program that is timed: how threads run and weights are read matters too."""
    return _translation(bench, (), facts().without_effect.same)


def _translation(
    bench: Sequence[str], left_out: Sequence[str], taken_over: Sequence[str]
) -> Translation:
    """Translate; options with a value that are left out, or taken over as they are, are named."""
    known = {name: option for option in facts().option for name in option.names}
    arguments: list[str] = []
    untranslated: list[str] = []
    rest = list(bench)
    while rest:
        name = rest.pop(0)
        plain = name.replace("_", "-") if name.startswith("--") else name
        if plain in facts().without_effect.alone:
            continue
        if plain in left_out:
            del rest[:1]
        elif plain in taken_over and rest:
            arguments += [name, rest.pop(0)]
        elif plain in known and rest:
            value = rest.pop(0)
            translated = _translated(known[plain], value)
            if translated is None:
                untranslated.append(f"{name} {value}")
            else:
                arguments += translated
        else:
            values = [rest.pop(0)] if rest and not rest[0].startswith("-") else []
            untranslated.append(" ".join([name, *values]))
    return Translation(arguments=tuple(arguments), untranslated=tuple(untranslated))


def _translated(option: Option, value: str) -> list[str] | None:
    if value in option.values:
        return [option.values[value]] if option.values[value] else []
    if not option.becomes:
        return None
    for separator in option.separators:
        value = value.replace(separator, ",")
    return [option.becomes, value]
