"""llama-completion: the time from a prompt to its first token, with its beginning saved or not.

The mode is ``off``, or ``on`` where a state file holds all of the prompt but its last few tokens.
The time is what the program calls total: it begins once model and context are there and ends with
the first token. Reading the state file is part of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .common import GREEDY, number, padded_context
from .task import BadOutput, Measured

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.process import Finished

    from .task import Task

OPTIONS: tuple[str, ...] = (
    "--prompt-cache",
    "--prompt-cache-ro",
    "--no-conversation",
    "--no-display-prompt",
)
ON = "on"
SPARE = 16
"""Positions beside the prompt's: the token that is generated, and a start of the text that another
tokenizer would cut otherwise."""
TIME = r" time = +([\d.]+) ms"
TOTAL, LOAD = (re.compile(name + TIME) for name in ("total", "load"))
EVALUATED = re.compile(r"prompt eval time = +[\d.]+ ms / +(\d+) tokens")
MATCHED = re.compile(r"session file matches (\d+) / (\d+) tokens of prompt")


def plain_arguments(prompt: Path, tokens: int, generated: int) -> list[str]:
    """Return what every use of the program has in common."""
    return [
        *("-f", str(prompt), "-c", str(padded_context(tokens + SPARE)), "-n", str(generated)),
        *("--no-conversation", "--no-display-prompt", *GREEDY),
    ]


def arguments(task: Task, mode: str) -> list[str]:
    """Return its arguments; the saved state is read and never changed."""
    assert task.prompt is not None
    saved = ["--prompt-cache", str(task.prefix), "--prompt-cache-ro"] if mode == ON else []
    return [*plain_arguments(task.prompt, task.workload.tokens, 1), *saved]


def read(finished: Finished, task: Task, mode: str) -> Measured:
    """Return the time to the first token.

    Raises:
        BadOutput: It printed no times, or did not use the saved state, or used one.
    """
    total = number(TOTAL, finished.stderr, "total time")
    evaluated = int(number(EVALUATED, finished.stderr, "number of evaluated tokens"))
    matched = MATCHED.search(finished.stderr)
    if (matched is not None) != (mode == ON):
        message = "it used a saved prefix" if matched else "it did not use the saved prefix"
        raise BadOutput(message)
    saved, prompt = (int(matched[1]), int(matched[2])) if matched else (0, evaluated)
    if total <= 0:
        message = f"its total time, {total} ms, is no duration"
        raise BadOutput(message)
    return Measured(
        samples_ns=(round(total * 1e6),),
        tokens=task.workload.tokens,
        output={
            "first_token_ms": total,
            "load_ms": number(LOAD, finished.stderr, "load time"),
            "prompt_tokens": prompt,
            "saved_tokens": saved,
            "text": finished.stdout.strip(),
        },
    )
