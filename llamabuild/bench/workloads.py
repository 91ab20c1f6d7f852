"""Workloads: which there are, and which sizes suit a model."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.run import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.inputs import Model

NAMED = re.compile(r"([a-z]+)([0-9]{0,9})")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How llama-bench, or the programs named, are asked for a kind of workload."""

    description: str
    programs: tuple[str, ...]
    option: str = ""
    field: str = ""
    unit: str = "tokens/s"


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens for models up to a size."""

    parameters_up_to: int
    tokens: dict[str, int]


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``workloads.toml``."""

    seconds: float
    max_repetitions: int
    kinds: dict[str, Kind]
    sizes: tuple[Size, ...]


@cache
def facts() -> Facts:
    """Return the shipped facts."""
    data = Path(__file__).with_name("workloads.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def kinds_of(program: str = "") -> dict[str, Kind]:
    """Return the kinds that a program can be asked for; by default llama-bench's."""
    return {name: kind for name, kind in facts().kinds.items() if program in kind.programs}


def check_workloads(names: Sequence[str], program: str = "") -> None:
    """Refuse names that no model could make right; needs nothing but the names.

    Raises:
        BadInput: A kind that the program (by default llama-bench) does not have, or no tokens.
    """
    for name in names:
        _parsed(name, program)


def choose_workloads(
    model: Model, names: Sequence[str] = (), program: str = ""
) -> tuple[Workload, ...]:
    """Return the named workloads, by default one of each kind, in sizes that suit the model.

    ``pp`` means the model's own size; ``pp512`` means 512 tokens. The kinds are those of the
    program, by default llama-bench.

    Raises:
        BadInput: As :func:`check_workloads`, or more tokens than the model's context holds.
    """
    size = next(s for s in facts().sizes if model.parameters <= s.parameters_up_to)
    chosen = [_workload(name, program, size, model) for name in names or kinds_of(program)]
    return tuple({workload.name: workload for workload in chosen}.values())


def _parsed(name: str, program: str) -> tuple[str, int | None]:
    """Kind and number of tokens, None where the model decides."""
    match = NAMED.fullmatch(name)
    kind = match[1] if match else name
    known = kinds_of(program)
    if match is None or kind not in known:
        message = f"unknown workload '{name}'"
        if program:
            message = f"{program} has no workload '{name}'"
        remedy = did_you_mean(kind, known) or f"known: {', '.join(known)}, with or without a size"
        raise BadInput(message, remedy)
    if not match[2]:
        return kind, None
    if int(match[2]) == 0:
        message = f"workload '{name}' has no tokens"
        raise BadInput(message, f"write it like {kind} or {kind}64")
    return kind, int(match[2])


def _workload(name: str, program: str, size: Size, model: Model) -> Workload:
    kind, wanted = _parsed(name, program)
    tokens = wanted or size.tokens[kind]
    if tokens > model.context_length:
        message = f"workload '{name}': {tokens} tokens, the model's context is"
        msg = f"{message} {model.context_length}"
        raise BadInput(msg)
    return Workload(
        name=f"{kind}{tokens}",
        kind=kind,
        tokens=tokens,
        seconds=facts().seconds,
        max_repetitions=facts().max_repetitions if facts().kinds[kind].option else 1,
        unit=facts().kinds[kind].unit,
    )
