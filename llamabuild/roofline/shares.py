"""How near a measured speed comes to its bound, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import facts
from .records import COMPUTE_BOUND, MEMORY_BOUND, NEITHER, Share

if TYPE_CHECKING:
    from .records import Bound, Measured


def share(measured: Measured, bound: Bound) -> Share | None:
    """Return the share of the bound with its verdict; None where there is no bound.

    ``memory-bound`` or ``compute-bound`` is what reaches at least ``limiting_share`` of that bound
    and a larger share of it than of the other one.
    """
    if not bound.tokens_per_second:
        return None
    speed = measured.tokens_per_second
    of_bandwidth = _part(speed, bound.bandwidth_tokens_per_second)
    of_compute = _part(speed, bound.compute_tokens_per_second)
    known = facts()
    larger, verdict = max((of_bandwidth or 0, MEMORY_BOUND), (of_compute or 0, COMPUTE_BOUND))
    if larger < known.limiting_share:
        verdict = NEITHER
    advice = known.advice.get(bound.kind, {}).get(verdict, "")
    if larger > known.impossible_share:
        advice = known.impossible
    return Share(
        variant=measured.variant,
        workload=measured.workload,
        threads=measured.threads,
        tokens_per_second=speed,
        share=speed / bound.tokens_per_second,
        bandwidth_share=of_bandwidth,
        compute_share=of_compute,
        verdict=verdict,
        advice=advice,
    )


def _part(speed: float, limit: float | None) -> float | None:
    return speed / limit if limit else None
