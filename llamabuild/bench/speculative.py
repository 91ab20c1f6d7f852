"""llama-speculative-simple: tokens are guessed and then checked by the model, several at once.

The mode says what guesses: ``off`` (nothing), a look-up of n-grams in what was said so far (names
as llama.cpp has them) or ``draft``, a smaller model. Sampling is greedy, so that what is generated
should not depend on it. The time is that of the decoding alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .common import GREEDY, number, padded_context
from .task import BadOutput, Measured

if TYPE_CHECKING:
    from llamabuild.process import Finished

    from .task import Task

OPTIONS: tuple[str, ...] = ("--spec-type", "--spec-ngram-simple-size-n", "--spec-draft-model")
OFF, DRAFT = "off", "draft"
NEVER = ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "1024",
         "--spec-ngram-simple-size-m", "1")  # fmt: skip
"""The program wants something that guesses: a look-up of so many tokens begins in no such text."""
ROOM = 512
"""Positions beside those that are generated: the prompt, and guesses that are thrown away."""
DECODED = re.compile(r"decoded +(\d+) tokens in +[\d.]+ seconds")
SECONDS = re.compile(r"decoded +\d+ tokens in +([\d.]+) seconds")
DRAFTED, ACCEPTED = (re.compile(name + r" += (\d+)") for name in ("n_drafted", "n_accept"))


def arguments(task: Task, mode: str) -> list[str]:
    """Return its arguments; it stops after one token more than it is asked for."""
    assert task.prompt is not None
    tokens = task.workload.tokens
    guesses: tuple[str, ...] = ("--spec-type", mode)
    if mode == OFF:
        guesses = NEVER
    elif mode == DRAFT:
        guesses = ("--spec-type", "draft-simple", "--spec-draft-model", str(task.draft))
    return [
        *("-f", str(task.prompt), "-n", str(tokens - 1), "-c", str(padded_context(tokens + ROOM))),
        *(*GREEDY, *guesses),
    ]


def read(finished: Finished, task: Task, mode: str) -> Measured:
    """Return the time of the decoding, what was guessed, accepted and generated.

    Raises:
        BadOutput: It printed none of that, or guessed where nothing should.
    """
    tokens = int(number(DECODED, finished.stderr, "number of decoded tokens"))
    seconds = number(SECONDS, finished.stderr, "time of decoding")
    drafted = int(number(DRAFTED, finished.stderr, "number of drafted tokens"))
    accepted = int(number(ACCEPTED, finished.stderr, "number of accepted tokens"))
    if seconds <= 0 or tokens < task.workload.tokens or not 0 <= accepted <= drafted:
        message = f"{tokens} tokens in {seconds} s, {accepted} of {drafted} accepted: impossible"
        raise BadOutput(message)
    if mode == OFF and drafted:
        message = f"it drafted {drafted} tokens although speculation is off"
        raise BadOutput(message)
    return Measured(
        samples_ns=(round(seconds * 1e9),),
        tokens=tokens,
        output={
            "decoded_tokens": tokens,
            "drafted_tokens": drafted,
            "accepted_tokens": accepted,
            "text": _generated(finished.stdout, task),
        },
    )


def _generated(printed: str, task: Task) -> str:
    """What follows the prompt, which the program prints as well."""
    assert task.prompt is not None
    return printed.partition(task.prompt.read_text("utf-8"))[2].rstrip("\n")
