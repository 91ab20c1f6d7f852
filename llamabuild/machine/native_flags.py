"""What ``-march=native`` means on this CPU with a given compiler."""

from __future__ import annotations

import shlex
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIMEOUT_SECONDS = 20.0
# Prints the commands that the driver would run, and runs none.
QUESTION = ("-march=native", "-###", "-E", "-x", "c", "/dev/null")
CLANG_CPU_FLAGS = ("-target-cpu", "-tune-cpu")


@cache
def native_resolution(compiler: str) -> str:
    """Return the target flags that the compiler puts in place of ``-march=native``.

    Equal texts mean equal code from the same compiler. For gcc it is each ``-m...`` and the cache
    sizes in ``--param``, for clang the target CPU and its features.

    Args:
        compiler: Name or path of a gcc or clang driver.

    Raises:
        EnvironmentLacks: The compiler is missing or doesn't take ``-march=native`` here.
    """
    finished = run([compiler, *QUESTION], timeout_seconds=TIMEOUT_SECONDS)
    resolution = parse_driver_output(finished.stderr) if finished.ok else ""
    if not resolution:
        message = f"'{compiler}' cannot say what -march=native means here"
        how = "" if finished.ok else f" ({finished.failure()})"
        remedy = "use a gcc or clang that knows this CPU, or a variant that names its features"
        raise EnvironmentLacks(message + how, remedy)
    return resolution


def parse_driver_output(text: str) -> str:
    """Return the target flags in what ``gcc -###`` or ``clang -###`` printed.

    Empty when there are none, or when ``native`` itself is left: gcc passes it on unresolved when
    it compiles for another architecture.
    """
    for line in text.splitlines():
        try:
            argv = shlex.split(line)
        except ValueError:  # prose with an apostrophe, not a command
            continue
        if "-cc1" in argv[:2]:
            return " ".join(_clang_flags(argv))
        if argv and argv[0].rpartition("/")[2] in {"cc1", "cc1plus"}:
            flags = tuple(_gcc_flags(argv))
            return "" if "-march=native" in flags else " ".join(flags)
    return ""


def _gcc_flags(argv: Sequence[str]) -> Iterator[str]:
    for index, argument in enumerate(argv):
        if argument == "--param" and index + 1 < len(argv):
            yield f"--param={argv[index + 1]}"
        elif argument.startswith(("-m", "--param=")):
            yield argument


def _clang_flags(argv: Sequence[str]) -> Iterator[str]:
    pairs = list(pairwise(argv))
    for flag, value in pairs:
        if flag in CLANG_CPU_FLAGS:
            yield f"{flag}={value}"
    # clang prints features in the order of a hash table.
    features = (value for flag, value in pairs if flag == "-target-feature")
    yield from sorted(features, key=lambda feature: feature[1:])
