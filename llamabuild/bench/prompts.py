"""Prompts of real text, cut to a number of tokens, and the saved states of their beginnings.

The text is the one that builds are compared on. How it becomes tokens is the model's business: a
program that runs it prints them, one a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llamabuild.errors import BuildFailed
from llamabuild.process import run

from .common import common_argv
from .completion import MATCHED, plain_arguments
from .equivalence import TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llamabuild.types.variant import Runtime

    from .task import Task

END = 8
"""Tokens of a prompt, about, that are not saved: the question after a long text."""
SHORT_WORDS = 96
"""Of a prompt that only sets the tone for what is generated."""
PIECE = re.compile(r"^(?:[\d.]+ I)? *\d+ -> '(.*)'$", re.MULTILINE)
"""A token in the program's log: perhaps the time and the level, then its number and its text."""
PREPARE_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Files that trials read besides the model; they lie in a folder that goes with the run."""

    prompts: Mapping[str, Path] = field(default_factory=dict)
    """By workload."""
    prefixes: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """Saved states, by arm and workload: their layout depends on the KV cache's type."""
    draft: Path | None = None


def long_text(words: int) -> str:
    """Return so many words of the text on one line, from its beginning again where it ends."""
    once = TEXT.read_text("utf-8").split()
    return " ".join((once * (words // len(once) + 1))[:words])


def cut(pieces: list[str], tokens: int) -> str:
    """Return the longest text of whole words that has no more than so many tokens.

    Args:
        pieces: The text of each token, the first perhaps a mark that is no part of the text.
        tokens: At most; with fewer pieces than that it is all of them.
    """
    ends = range(min(tokens, len(pieces)), 0, -1)
    whole = next((n for n in ends if n == len(pieces) or pieces[n].startswith(" ")), 0)
    text = "".join(pieces[:whole])
    first = TEXT.read_text("utf-8").split()[0]
    return text[max(text.find(first), 0) :]


def tokens_of(program: Path, task: Task, runtime: Runtime) -> list[str]:
    """Return the text of each token of the task's prompt, as llama-completion has it.

    Raises:
        BuildFailed: It could not be run.
    """
    assert task.prompt is not None
    # The text may be cut to half of its tokens afterwards.
    more = [*plain_arguments(task.prompt, 2 * task.workload.tokens, 0), "--verbose-prompt"]
    return PIECE.findall(_completion(program, task, runtime, more))


def save_prefix(program: Path, task: Task, runtime: Runtime) -> None:
    """Compute the task's prompt, here only its beginning, and save the state as its prefix.

    Raises:
        BuildFailed: It could not be run, or saved nothing.
    """
    assert task.prompt is not None
    assert task.prefix is not None
    more = [*plain_arguments(task.prompt, task.workload.tokens, 1), "--prompt-cache"]
    printed = _completion(program, task, runtime, [*more, str(task.prefix)])
    if MATCHED.search(printed) or not task.prefix.is_file():
        message = f"{program.name} did not save the beginning of a prompt"
        raise BuildFailed(message)


def _completion(program: Path, task: Task, runtime: Runtime, more: list[str]) -> str:
    argv = [*common_argv(program, task, runtime), *more]
    limit = PREPARE_SECONDS
    finished = run(argv, environment=runtime.environment, closed=True, timeout_seconds=limit)
    if not finished.ok:
        message = f"{program.name} cannot read a prompt of {task.workload.tokens} tokens: it "
        raise BuildFailed(message + finished.failure())
    return finished.stderr
