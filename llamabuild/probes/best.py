"""Which of the measured bandwidths bounds a kernel that reads its weights."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from .residence import MEMORY
from .spec import READ

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.types.kernels import Probe


def best_read(
    probes: Iterable[Probe], residence: str, threads: int, working_set_bytes: int | None = None
) -> Probe | None:
    """Return the fastest read of one residence and thread count; None if there is none.

    Fastest over vector widths, numbers of streams and kinds of pages, by the medians. In memory
    only the largest working set counts: the smaller ones are partly in the cache.

    Args:
        probes: All that were measured.
        residence: ``L1``, ``L2``, ``L3`` or ``memory``.
        threads: Threads that read at once.
        working_set_bytes: Of all threads; takes the probes of the nearest size alone.
    """
    reads = [
        probe
        for probe in probes
        if probe.name == READ and probe.residence == residence and probe.threads == threads
    ]
    if reads and working_set_bytes is not None:
        wanted = log(max(1, working_set_bytes))
        size = min(
            {probe.working_set_bytes for probe in reads}, key=lambda size: abs(log(size) - wanted)
        )
        reads = [probe for probe in reads if probe.working_set_bytes == size]
    elif reads and residence == MEMORY:
        size = max(probe.working_set_bytes for probe in reads)
        reads = [probe for probe in reads if probe.working_set_bytes == size]
    return max(reads, key=lambda probe: probe.value, default=None)
