"""When a run has had its time: decided by the clock alone, never by what was measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """Ends a run before the block that would go beyond its time."""

    def __init__(
        self,
        seconds: float,
        least_blocks: int,
        hard_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        building_apart: bool = False,
    ) -> None:
        """Begin to count.

        Args:
            seconds: For the run, from now on.
            least_blocks: That it should have even so.
            hard_seconds: Beyond which not even those are waited for.
            clock: In seconds.
            building_apart: The hard limit begins when building, checking and the warm-up are over.
        """
        self._seconds, self._least, self._hard = seconds, least_blocks, hard_seconds
        self._clock = clock
        self._began = self._last = clock()
        self._building_apart = building_apart
        self._measuring: float | None = None
        self._block = 0.0

    def enough(self, counted: int) -> bool:
        """Take note of a block's end, with the number of those that count."""
        now = self._clock()
        if self._measuring is None:
            # The first call comes after building, checking and the warm-up.
            self._measuring = now
        else:
            self._block = now - self._last
        self._last = now
        following = now + self._block
        if counted >= self._least:
            return following - self._began > self._seconds
        return following - (self._measuring if self._building_apart else self._began) > self._hard
