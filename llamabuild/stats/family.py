"""Holm's step-down correction, with the level at which each comparison was tested.

Sorted by p-value, the k-th of m comparisons (k = 0, 1, …) is tested at ``alpha / (m - k)``. After
the first that is not rejected, the rest share its level. An interval at that level agrees with
Holm's decision; the family-wise promise is about the decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from statsmodels.stats.multitest import multipletests

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class HolmStep:
    """What the procedure gave one comparison."""

    adjusted: float
    """Holm-adjusted p-value: rejected when at most the family's alpha."""
    alpha: float
    """Level of the step that decided this comparison."""
    rejected: bool


def holm(p_values: Sequence[float], alpha: float) -> tuple[HolmStep, ...]:
    """Return one step per p-value, in the order given, for a family-wise error of ``alpha``."""
    if not p_values:
        return ()
    size = len(p_values)
    rejected, adjusted, _, _ = multipletests(p_values, alpha=alpha, method="holm")
    last = int(np.count_nonzero(rejected))
    steps: dict[int, HolmStep] = {}
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        level = alpha / (size - min(rank, last))
        steps[int(index)] = HolmStep(float(adjusted[index]), level, bool(rejected[index]))
    return tuple(steps[index] for index in range(size))
