"""Which of several installed versions of a program is the newest."""

from __future__ import annotations

import os
import re
import shutil
from functools import cache
from pathlib import Path

from llamabuild.process import run

VERSION_TIMEOUT_SECONDS = 20.0


def newest_version(name: str, together: tuple[str, ...] = ()) -> str:
    """Return the name under which the newest version is on PATH.

    Args:
        name: Bare name, such as ``clang``; the program of that name may be any version.
        together: Bare names of programs that must be there in the same version.

    Returns:
        Such as ``clang-19``; ``name`` itself where nothing newer is there.
    """
    numbers = {number for number in _versions(name) if _complete(number, together)}
    if not numbers:
        return name
    best = max(numbers)
    plain = shutil.which(name)
    complete = plain is not None and all(shutil.which(other) for other in together)
    if plain is not None and complete and major_of(plain) >= best:
        return name
    return f"{name}-{best}"


def _versions(name: str) -> set[int]:
    """Return the versions that stand behind the name on PATH."""
    pattern = re.compile(rf"{re.escape(name)}-([1-9][0-9]{{0,2}})")
    found = set()
    for folder in map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep))):
        try:
            entries = [entry.name for entry in os.scandir(folder)]
        except OSError:
            continue
        found |= {int(match[1]) for entry in entries if (match := pattern.fullmatch(entry))}
    return {number for number in found if shutil.which(f"{name}-{number}")}


def _complete(number: int, together: tuple[str, ...]) -> bool:
    return all(shutil.which(f"{other}-{number}") for other in together)


@cache
def major_of(program: str) -> int:
    """Return the major version that a program states; -1 if it states none.

    What stands in parentheses is the packager's, who may have a version too:
    ``gcc (crosstool-NG 1.26.0) 13.2.0``.
    """
    answer = run([program, "--version"], timeout_seconds=VERSION_TIMEOUT_SECONDS)
    number = re.search(r"\d+(?=\.\d)", re.sub(r"\([^)]*\)", "", answer.stdout))
    return int(number[0]) if answer.ok and number else -1
