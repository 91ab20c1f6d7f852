"""Errors that a person reads, each with the exit code that a script reads.

Every error says what is wrong and, where there is one, the remedy. The command line prints
``str(error)`` on one line and exits with ``error.exit_code``; nothing else maps errors to codes.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class LlamabuildError(Exception):
    """Base of all expected failures.

    Args:
        message: What is wrong, with the file, key or name that it concerns.
        remedy: What to do about it, in one short sentence; empty if nothing can be said.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}: {remedy}" if remedy else message)


class GateFailed(LlamabuildError):
    """A regression was found or an expectation does not hold."""

    exit_code = 1


class BadInput(LlamabuildError):
    """Wrong usage, or a file that is not what it should be."""

    exit_code = 2


class Inconclusive(LlamabuildError):
    """The machine was too noisy to say anything."""

    exit_code = 3


class BuildFailed(LlamabuildError):
    """CMake, the compiler or the linker failed."""

    exit_code = 4


class EnvironmentLacks(LlamabuildError):
    """A tool, a CPU feature, a package, memory, disk space or the network is missing."""

    exit_code = 5


class MeasurementRunning(LlamabuildError):
    """Another measurement holds this machine."""

    exit_code = 75


class Interrupted(LlamabuildError):
    """Ctrl-C; what was finished is stored."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the closest known word, or the empty string.

    A word that differs in case, hyphens and underscores alone is the closest.
    """
    words = list(known)
    close = [each for each in words if _letters(each) == _letters(word)]
    close = close or get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def _letters(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")
