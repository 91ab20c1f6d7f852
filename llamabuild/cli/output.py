"""Output that nobody reads any more, or that has no room; a verdict stands all the same."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.errors import LlamabuildError


@contextmanager
def ending_with(failure: LlamabuildError | None) -> Iterator[None]:
    """Print inside; end with the failure, if there is one, even if the reader is gone before.

    Raises:
        LlamabuildError: The failure that was given.
        BrokenPipeError: The reader is gone, and there is no failure.
    """
    try:
        yield
    except BrokenPipeError:
        if failure is None:
            raise
        drop_output()
    if failure is not None:
        raise failure


def drop_output() -> None:
    """Let go what stdout could not take: else Python's own last flush fails, with exit code 120."""
    with suppress(OSError, ValueError):  # a stdout without a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
