"""What the copy of the baseline, A′, says about the machine."""

from __future__ import annotations

from math import expm1, log1p
from typing import TYPE_CHECKING

from llamabuild.types.comparison import FASTER, SLOWER, Noise
from llamabuild.types.run import NOISE_ARM

from .pairs import compared, not_measured, pair

if TYPE_CHECKING:
    from llamabuild.types.run import Workload

    from .blocks import Throughputs


def noise_of(
    found: Throughputs, baseline: str, workload: Workload, *, threshold: float, alpha: float
) -> Noise:
    """Compare A′ with the baseline at level ``1 - alpha`` against the planned ``threshold``."""
    paired = pair(found, NOISE_ARM, baseline, workload)
    if paired is None:
        return Noise(
            workload=workload.name,
            comparison=not_measured(NOISE_ARM, workload),
            floor=0.0,
            threshold=threshold,
            usable=False,
        )
    delta = log1p(threshold)
    p_value = paired.shift.p_beyond(delta)
    comparison = compared(paired, alpha=alpha, p_value=p_value, delta=delta)
    floor = expm1(abs(paired.shift.estimate))
    return Noise(
        workload=workload.name,
        comparison=comparison,
        floor=floor,
        threshold=max(threshold, floor),
        usable=comparison.verdict not in {FASTER, SLOWER},
    )
