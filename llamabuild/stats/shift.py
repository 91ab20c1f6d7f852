"""The shift of paired differences: Hodges–Lehmann estimate, exact interval, exact test.

``T(θ)``, Wilcoxon's signed-rank statistic of the differences minus θ, is the number of Walsh
averages above θ (Tukey's identity). The interval is made of those θ that the test does not reject,
so "p ≤ alpha" and "the interval lies beyond" are the same statement. Ties count against the claim:
with tied or equal differences the test stays valid and becomes conservative.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from .signed_rank import critical_count, null_cdf

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAD_TO_SIGMA = 1.482602218505602
"""1 / Φ⁻¹(¾): turns the median absolute deviation of normal data into its standard deviation."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``(-inf, inf)`` when the level can't be attained."""

    low: float
    high: float
    level: float

    @property
    def bounded(self) -> bool:
        """Whether there were enough pairs for this level."""
        return self.low != -inf and self.high != inf


@dataclass(frozen=True, slots=True, eq=False)
class PairedShift:
    """What n paired differences say about their centre; made by :func:`paired_shift`."""

    pairs: int
    walsh: NDArray[np.float64]
    """Sorted means of all pairs of differences, each with itself too; shape ``(n(n+1)/2,)``."""
    estimate: float
    """Hodges–Lehmann: the median of the Walsh averages."""
    scale: float
    """Robust standard deviation of one difference, calibrated for normal data."""

    def interval(self, alpha: float) -> Interval:
        """Return the exact interval at level ``1 - alpha`` (at least; the table is discrete)."""
        critical = critical_count(self.pairs, alpha)
        if critical is None:
            return Interval(-inf, inf, 1 - alpha)
        return Interval(float(self.walsh[critical]), float(self.walsh[-1 - critical]), 1 - alpha)

    def p_beyond(self, delta: float = 0.0) -> float:
        """Return the exact two-sided p-value for "the centre lies beyond ±delta".

        Twice the smaller of the one-sided p-values for centre > delta and centre < -delta; with
        ``delta`` 0 it is the ordinary two-sided signed-rank test.
        """
        cdf = null_cdf(self.pairs)
        not_above = np.searchsorted(self.walsh, delta, side="right")
        not_below = len(self.walsh) - np.searchsorted(self.walsh, -delta, side="left")
        return min(1.0, 2 * float(cdf[min(not_above, not_below)]))


def paired_shift(differences: ArrayLike) -> PairedShift:
    """Return the shift of ``differences``, shape ``(n,)`` with n ≥ 1, all finite.

    Raises:
        ValueError: No differences, or one that is not finite.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not d.size or not np.isfinite(d).all():
        message = "differences must be a non-empty row of finite numbers"
        raise ValueError(message)
    rows, columns = _upper_triangle(d.size)
    walsh = (d[rows] + d[columns]) / 2
    walsh.sort()
    walsh.flags.writeable = False
    estimate = _middle(walsh)
    return PairedShift(d.size, walsh, estimate, _scale(d, estimate))


def _scale(d: NDArray[np.float64], centre: float) -> float:
    """Median deviation of the means of two *different* pairs, in standard deviations of one.

    It needs fewer pairs than the MAD of ``d`` itself for the same accuracy. n / (n - 1) takes out
    its bias for normal data (within 2 % from 6 to 24 pairs, found by simulation).
    """
    if d.size == 1:
        return 0.0
    rows, columns = _upper_triangle(d.size)
    different = rows != columns
    means = (d[rows[different]] + d[columns[different]]) / 2
    deviation = _middle(np.sort(np.abs(means - centre)))
    return MAD_TO_SIGMA * float(np.sqrt(2)) * deviation * d.size / (d.size - 1)


def _middle(ordered: NDArray[np.float64]) -> float:
    """Median of sorted numbers; ``np.median`` costs more than everything else here together."""
    upper = len(ordered) // 2
    lower = (len(ordered) - 1) // 2
    return float(ordered[lower] + ordered[upper]) / 2


@lru_cache(maxsize=64)
def _upper_triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(size)
