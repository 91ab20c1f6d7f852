"""Comparisons of a made-up run: paired mean log-ratios, close enough to draw."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from llamabuild.types.comparison import (
    BASELINE,
    EQUIVALENT,
    FASTER,
    NO_DIFFERENCE,
    SLOWER,
    Comparison,
    ComparisonSet,
    Noise,
)
from llamabuild.types.run import NOISE_ARM
from tests.report_fixture.base import BASELINE_ARM, BLOCKS, DISCARDED, SPEED, WORKLOADS
from tests.report_fixture.measured import trials

if TYPE_CHECKING:
    from collections.abc import Collection

    from llamabuild.types.run import Trial, Workload


def comparison_set() -> ComparisonSet:
    """Return the small run's comparisons."""
    return compare(trials(), SPEED, BASELINE_ARM)


def compare(found: tuple[Trial, ...], arms: Collection[str], baseline: str) -> ComparisonSet:
    """Return comparisons with plain t-like intervals."""
    comparisons, noise = [], []
    for workload in WORKLOADS:
        for name in arms:
            comparison = _compare(found, workload, name, baseline)
            if name == NOISE_ARM:
                floor = abs(math.log(comparison.ratio or 1))
                noise.append(
                    Noise(
                        workload=workload.name,
                        comparison=comparison,
                        floor=floor,
                        threshold=max(0.01, floor),
                        usable=True,
                    )
                )
            else:
                comparisons.append(comparison)
    return ComparisonSet(
        blocks=BLOCKS - 2,
        look=0,
        alpha=0.01,
        decided=False,
        noise=tuple(noise),
        comparisons=tuple(comparisons),
    )


def _compare(found: tuple[Trial, ...], workload: Workload, name: str, baseline: str) -> Comparison:
    speeds = {
        (trial.arm, trial.block): trial.tokens / statistics.median(trial.samples_ns) * 1e9
        for trial in found
        if trial.workload == workload.name and trial.status == "ok"
        and trial.block not in {0, DISCARDED}
    }  # fmt: skip
    own = [speed for (who, _), speed in speeds.items() if who == name]
    median = statistics.median(own)
    common = {
        "arm": name,
        "workload": workload.name,
        "unit": workload.unit,
        "trials": len(own),
        "median": median,
        "mad": statistics.median(abs(speed - median) for speed in own),
    }
    if name == baseline:
        return Comparison(
            **common, ratio=1.0, low=None, high=None, level=None, p_value=None,
            verdict=BASELINE, detectable=None,
        )  # fmt: skip
    logs = [
        math.log(speed / speeds[baseline, block])
        for (who, block), speed in speeds.items()
        if who == name
    ]
    centre, margin = statistics.mean(logs), 3.4 * statistics.stdev(logs) / math.sqrt(len(logs))
    low, high = centre - margin, centre + margin
    if low > 0.01:
        verdict = FASTER
    elif high < -0.01:
        verdict = SLOWER
    else:
        verdict = EQUIVALENT if low > -0.01 and high < 0.01 else NO_DIFFERENCE
    return Comparison(
        **common,
        ratio=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        level=0.995,
        p_value=0.0004 if verdict in {FASTER, SLOWER} else 0.41,
        verdict=verdict,
        detectable=margin * 1.3,
    )
