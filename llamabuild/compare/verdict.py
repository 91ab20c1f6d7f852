"""The one rule that turns an interval into a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.types.comparison import EQUIVALENT, FASTER, NO_DIFFERENCE, SLOWER

if TYPE_CHECKING:
    from llamabuild.stats import Interval


def verdict(interval: Interval, delta: float) -> str:
    """Return what an interval of the log-ratio says about a threshold of ±``delta`` ≥ 0.

    Limits that touch the threshold claim nothing, like the tests behind them.
    """
    if interval.low > delta:
        return FASTER
    if interval.high < -delta:
        return SLOWER
    if interval.low > -delta and interval.high < delta:
        return EQUIVALENT
    return NO_DIFFERENCE
