"""The smallest effect that a sample of this size and spread had a fair chance to show."""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import TYPE_CHECKING

from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from .signed_rank import critical_count, null_cdf

if TYPE_CHECKING:
    from .shift import PairedShift

POWER = 0.8
EFFICIENCY = 3 / pi
"""Asymptotic relative efficiency of the signed-rank test against the t-test on normal data."""
FEWEST_PAIRS = 3


def detectable_shift(shift: PairedShift, alpha: float) -> float | None:
    """Return the distance from the tested value that has power 0.8 at two-sided ``alpha``.

    In the unit of the differences, for normal differences of the observed scale. None with fewer
    than three pairs, or when no effect, however large, could be shown at this level.
    """
    critical = critical_count(shift.pairs, alpha)
    if shift.pairs < FEWEST_PAIRS or critical is None:
        return None
    return shift.scale * _standard_effect(shift.pairs, critical)


@lru_cache(maxsize=1024)
def _standard_effect(pairs: int, critical: int) -> float:
    """Detectable effect in standard deviations, at the level that ``critical`` really attains."""
    if critical == 0:
        # Rejects only when all differences lie beyond; the t-test would promise 15 % too much.
        return float(norm.ppf(POWER ** (1 / pairs)))
    test, nobs, level = TTestPower(), pairs * EFFICIENCY, float(null_cdf(pairs)[critical])

    def excess(effect: float) -> float:
        return float(test.power(effect, nobs, level, alternative="larger")) - POWER

    # The library's own solver gives up on some of these; power grows with the effect, so that the
    # root lies below the first doubling that has enough of it.
    high = 0.125
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, 0.0, high))
