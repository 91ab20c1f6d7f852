"""From llama-bench's words to those of llama-server and llama-cli."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH = "-tb"
"""Threads for prompts of their own, which the server then sets up by themselves."""
CMAKE = ("cmake",)
CONFIGURE, BUILD, TARGETS = "-S", "--build", "--target"


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one option of llama-bench is called there."""

    becomes: str = ""
    values: dict[str, tuple[str, ...]] = {}
    note: str = ""
    batch: str = ""


class Locked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When memory is locked."""

    load_modes: tuple[str, ...]


class ServerBuild(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a build with a server takes beyond that of a benchmark."""

    targets: tuple[str, ...]
    variables: dict[str, str]
    packages: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``deploy.toml``."""

    option: dict[str, Option]
    layout: dict[str, dict[str, Option]]
    locked: Locked
    build: ServerBuild


class Translation(NamedTuple):
    """Arguments of a server, and what they do not say."""

    arguments: tuple[str, ...]
    notes: tuple[str, ...]


@cache
def facts() -> Facts:
    """Return the shipped table."""
    text = resources.files(__package__).joinpath("deploy.toml").read_bytes()
    return msgspec.toml.decode(text, type=Facts)


def server_arguments(options: Mapping[str, Sequence[str]], layout: str = "") -> Translation:
    """Translate llama-bench's options; one that has no counterpart becomes a note.

    Args:
        options: By their short names, with their values.
        layout: Of the tree, whose server may call some otherwise.
    """
    table = {**facts().option, **facts().layout.get(layout, {})}
    arguments: list[str] = []
    notes: list[str] = []
    for name, values in options.items():
        known, value = table.get(name), " ".join(values)
        if known is None:
            words = " ".join([name, *values])
            notes.append(f"llama-bench's {words} has no counterpart in llama-server.")
            continue
        if value in known.values:
            arguments += known.values[value]
        elif known.becomes:
            arguments += [known.becomes, *values]
        if known.batch and BATCH in options:
            arguments += [known.batch, *values]
        if known.note:
            notes.append(known.note.replace("{}", value))
    return Translation(tuple(arguments), tuple(notes))


def locks_memory(arguments: Sequence[str]) -> bool:
    """Whether a server with these arguments keeps its memory from being swapped."""
    return any(mode in arguments for mode in facts().locked.load_modes)


def with_server(
    commands: Sequence[tuple[str, ...]], *, trained: bool
) -> tuple[tuple[str, ...], ...]:
    """Return the commands of a build that makes llama-server and llama-cli.

    Args:
        commands: CMake's, and others that are left alone.
        trained: What it made before is run in between, so it goes on making that.
    """
    builds = [n for n, words in enumerate(commands) if words[:1] == CMAKE and BUILD in words]
    return tuple(
        tuple(_with_server(command, trained=trained, last=place == builds[-1]))
        for place, command in enumerate(commands)
    )


def _with_server(command: tuple[str, ...], *, trained: bool, last: bool) -> list[str]:
    words = list(command)
    if command[:1] != CMAKE:
        return words
    if BUILD in words:
        kept = words if trained else words[: words.index(TARGETS) + 1]
        return [*kept, *facts().build.targets] if last else words
    if CONFIGURE in words:
        given = facts().build.variables
        names = tuple(f"-D{name}=" for name in given)
        kept = [word for word in words if not word.startswith(names)]
        return [*kept, *(f"-D{name}={value}" for name, value in given.items())]
    return words
