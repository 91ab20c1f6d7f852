"""What a given llama-bench understands: versions and forks differ in options and output."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.types.variant import Runtime

HELP_SECONDS = 20.0
HELP_BYTES = 1 << 18
HEAD_ENDS = re.compile(r"[<(\[]|(?<=\S)\s{2,}")
OPTION = re.compile(r"--?[A-Za-z][\w-]*")
CHOICES = re.compile(r"<([^<>]+)>")
OUTPUT = "--output"


class Instead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How programs that have another option say the same."""

    has: str
    values: dict[str, tuple[str, ...]]


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An option of llama-bench that not all programs have."""

    names: tuple[str, ...]
    instead: tuple[Instead, ...] = ()


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``dialects.toml``."""

    formats: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    fields: dict[str, tuple[str, ...]]
    option: tuple[Option, ...]


class Dialect(Data, frozen=True, kw_only=True):
    """What one program understands."""

    format: str
    """``jsonl`` or ``json``, for ``-o``."""
    choices: dict[str, tuple[str, ...]]
    """Option, by each of its names, to the values that ``--help`` lists for it, if any.
    Empty when the program did not answer: then nothing is translated or refused."""


class Translation(msgspec.Struct, frozen=True):
    """Arguments as a program understands them."""

    arguments: tuple[str, ...]
    unknown: tuple[str, ...]
    """What it has no words for, as the variant has it; part of ``arguments`` unchanged."""


@cache
def facts() -> Facts:
    """Return the shipped table."""
    data = Path(__file__).with_name("dialects.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def dialect_of(program: Path, runtime: Runtime) -> Dialect:
    """Ask a llama-bench for its help, once for each program and environment of a process.

    One that cannot be started, crashes or hangs is taken to speak as the present llama.cpp
    does: the trial will show what is wrong with it.
    """
    return _asked(program, tuple(sorted(runtime.environment.items())))


@cache
def _asked(program: Path, environment: tuple[tuple[str, str], ...]) -> Dialect:
    try:
        finished = run(
            [program, "--help"],
            environment=dict(environment),
            closed=True,
            timeout_seconds=HELP_SECONDS,
            output_limit=HELP_BYTES,
        )
    except EnvironmentLacks:
        return read_help("")
    return read_help(finished.stdout if finished.ok else "")


def read_help(text: str) -> Dialect:
    """Return what the text of ``--help`` says."""
    choices: dict[str, tuple[str, ...]] = {}
    for line in map(str.strip, text.splitlines()):
        if not line.startswith("-"):
            continue
        listed = CHOICES.search(line)
        values = listed[1].split("|") if listed and "|" in listed[1] else []
        for name in OPTION.findall(HEAD_ENDS.split(line, maxsplit=1)[0]):
            choices[name] = tuple(values)
    formats = facts().formats
    fitting = (name for name in formats if name in choices.get(OUTPUT, formats))
    return Dialect(format=next(fitting, formats[0]), choices=choices)


def translated(bench: Sequence[str], dialect: Dialect) -> Translation:
    """Return a variant's arguments in a program's own words."""
    arguments: list[str] = []
    unknown: list[str] = []
    for name, *values in _options(bench):
        said = _said(name, values, dialect)
        if said is None:
            unknown.append(" ".join([name, *values]))
            said = [name, *values]
        arguments += said
    return Translation(arguments=tuple(arguments), unknown=tuple(unknown))


def _options(bench: Sequence[str]) -> Iterator[list[str]]:
    """Each option with its values; a negative number is a value."""
    group: list[str] = []
    for word in bench:
        if group and not OPTION.match(word):
            group.append(word)
            continue
        if group:
            yield group
        group = [word]
    if group:
        yield group


def _said(name: str, values: list[str], dialect: Dialect) -> list[str] | None:
    """One option in the program's words; None if it has none."""
    if not dialect.choices:
        return [name, *values]
    plain = name.replace("_", "-") if name.startswith("--") else name
    option = next((o for o in facts().option if plain in o.names), Option(names=(plain,)))
    for known in (plain, *option.names):
        if known in dialect.choices:
            listed = dialect.choices[known]
            spelt = [_synonym(value, listed) for value in values]
            # llama-bench would end with an error, after the model was loaded and checked.
            return [known, *spelt] if not listed or set(spelt) <= set(listed) else None
    for instead in option.instead:
        said = instead.values.get(" ".join(values))
        if said is not None and instead.has in dialect.choices:
            return list(said)
    return None


def _synonym(value: str, listed: tuple[str, ...]) -> str:
    if value in listed:
        return value
    same = (word for group in facts().synonyms if value in group for word in group)
    return next((word for word in same if word in listed), value)
