"""Ctrl-C once: finish what is in flight and stop; twice, or SIGTERM: stop now."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llamabuild.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Terminated(BaseException):
    """SIGTERM arrived; processes are ended on the way out and the exit code is 143."""


class Interrupts:
    """Whether someone asked to stop."""

    requested: bool = False

    def check(self) -> None:
        """Stop here if someone asked to.

        Raises:
            Interrupted: What is finished is stored.
        """
        if self.requested:
            message = "stopped between steps; what is finished is kept"
            raise Interrupted(message, "the same command goes on from there")


@contextmanager
def graceful_interrupts(on_first: Callable[[], None]) -> Iterator[Interrupts]:
    """Turn the first Ctrl-C into a request; the second raises KeyboardInterrupt.

    Args:
        on_first: Tells the person that the first was heard.
    """
    state = Interrupts()

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if state.requested:
            raise KeyboardInterrupt
        state.requested = True
        on_first()

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
    }
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
