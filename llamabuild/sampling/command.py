"""Variables for a program alone, not for those that start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def with_environment(
    argv: Sequence[str], environment: Mapping[str, str], launcher: Sequence[str] = ()
) -> list[str]:
    """Return a command that sets variables and becomes the program, started by a launcher.

    A preloaded library would else be in perf and in every program before the last, and a timer
    outlives the change from one program to the next, while its signal handler doesn't.
    """
    return [*launcher, "env", *(f"{name}={value}" for name, value in environment.items()), *argv]
