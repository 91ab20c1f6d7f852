"""What the programs built on llama.cpp's ``common`` share: options, help and how they print."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run
from llamabuild.types.kv_cache import PADDING
from llamabuild.variants.bench_options import by_option, without

from .arguments import timed_arguments
from .task import BadOutput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.types.variant import Runtime

    from .task import Task

HELP_SECONDS = 20.0
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
GREEDY = ("--temp", "0", "--seed", "1", "--ignore-eos")
"""Every arm generates the same text, and as much of it."""


def common_argv(program: Path, task: Task, runtime: Runtime) -> list[str]:
    """Return the part of a command that all of them share.

    A thread count of the variant's own replaces the run's.
    """
    generation, prompt = (runtime.threads.get(kind) for kind in ("tg", "pp"))
    [both] = by_option(runtime.bench).get("-t", (str(task.threads),))
    own = timed_arguments(without(runtime.bench, "-t")).arguments
    threads = ("--threads", str(generation or both))
    # Without a number for prompts these programs take the other one for them, too.
    batch = ("--threads-batch", str(prompt or both)) if generation or prompt else ()
    return [*runtime.launcher, str(program), "-m", str(task.model), *threads, *batch, *own]


def padded_context(tokens: int) -> int:
    """Return the size of a context for so many tokens, as llama.cpp rounds it up itself."""
    return -(-tokens // PADDING) * PADDING


def lacking_words(program: Path, runtime: Runtime, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the options that a program has no words for, those of its driver or the variant's.

    One that does not answer ``--help`` is taken to understand all: its trial shows what is wrong.
    """
    own = timed_arguments(runtime.bench)
    known = _options(program, tuple(sorted(runtime.environment.items())))
    named = (word for word in (*own.arguments, *arguments) if OPTION.fullmatch(word))
    return (*own.untranslated, *(word for word in named if known and word not in known))


@cache
def _options(program: Path, environment: tuple[tuple[str, str], ...]) -> frozenset[str]:
    try:
        finished = run(
            [program, "--help"],
            environment=dict(environment),
            closed=True,
            timeout_seconds=HELP_SECONDS,
        )
    except EnvironmentLacks:
        return frozenset()
    return frozenset(OPTION.findall(finished.stdout)) if finished.ok else frozenset()


def number(pattern: re.Pattern[str], text: str, what: str) -> float:
    """Return the number that a pattern finds last in what was printed.

    Raises:
        BadOutput: It is not there; ``what`` names it.
    """
    found = pattern.findall(text)
    if not found:
        message = f"it printed no {what}"
        raise BadOutput(message)
    return float(found[-1])
