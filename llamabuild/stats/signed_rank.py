"""Exact null distribution of Wilcoxon's signed-rank statistic.

Under the null hypothesis every rank 1…n carries a plus sign with probability ½, so the statistic
``T`` is a sum of independent terms, and its distribution follows by adding one rank at a time
(Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, chapter 3.1). SciPy computes
the same table but hands out p-values of samples only; the tests hold this one against it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@lru_cache(maxsize=256)
def null_cdf(pairs: int) -> NDArray[np.float64]:
    """Return ``P(T ≤ t)`` for t = 0 … n(n+1)/2; read-only, shape ``(n(n+1)/2 + 1,)``."""
    probability = np.zeros(pairs * (pairs + 1) // 2 + 1)
    probability[0] = 1.0
    for rank in range(1, pairs + 1):
        with_rank = np.zeros_like(probability)
        with_rank[rank:] = probability[:-rank]
        probability = (probability + with_rank) / 2
    cdf = np.minimum(np.cumsum(probability), 1.0)
    cdf.flags.writeable = False
    return cdf


@lru_cache(maxsize=4096)
def critical_count(pairs: int, alpha: float) -> int | None:
    """Return the largest t with ``2 P(T ≤ t) ≤ alpha``.

    None means that this many pairs can't reject anything at ``alpha``, however large the effect.
    """
    attained = int(np.searchsorted(null_cdf(pairs), alpha / 2, side="right"))
    return attained - 1 if attained else None


def pairs_needed(alpha: float) -> int:
    """Return the smallest number of pairs whose smallest two-sided p-value is at most ``alpha``.

    Raises:
        ValueError: ``alpha`` is not positive.
    """
    if alpha <= 0:
        message = f"no number of pairs reaches a level of {alpha}"
        raise ValueError(message)
    return next(pairs for pairs in count(1) if 2.0 ** (1 - pairs) <= alpha)
