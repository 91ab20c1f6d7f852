"""The hardware's limit for a kernel: the bandwidth that brings its weights, or the arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.probes.best import best_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import Probe

BANDWIDTH, COMPUTE = "bandwidth", "compute"
FLOAT_FORMATS = ("f32", "f16", "bf16")
OPERATIONS = 512
"""A multiplication and an addition for each of 256 weights."""


def bound(
    probes: Sequence[Probe],
    *,
    format: str,  # noqa: A002
    bytes_per_256: float,
    columns: int,
    residence: str,
    threads: int,
    weight_bytes: int,
) -> tuple[str, float | None]:
    """Return which limit is the tighter, and the time that it takes in ns for 256 weights.

    The time is for one column. Weights are read once for all columns, at the rate of the fastest
    read probe of that place, thread count and nearest size; operations go at the fastest int8 rate
    (f32 for float formats) of that thread count, whatever the instruction set.

    Args:
        probes: All that were measured.
        format: Of the weights.
        bytes_per_256: Of weights.
        columns: That share them.
        residence: Where they lie.
        threads: That work at once.
        weight_bytes: Of all threads.

    Returns:
        Empty and None without a probe that says anything.
    """
    limits = []
    if read := best_read(probes, residence, threads, weight_bytes):
        limits.append((bytes_per_256 / columns / read.value * 1e9, BANDWIDTH))
    name = "f32" if format in FLOAT_FORMATS else "int8"
    peak = max((p.value for p in probes if p.name == name and p.threads == threads), default=0.0)
    if peak:
        limits.append((OPERATIONS / peak * 1e9, COMPUTE))
    if not limits:
        return "", None
    nanoseconds, which = max(limits)
    return which, nanoseconds
