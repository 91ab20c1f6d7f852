"""Which of the probed limits apply to a working set at a thread count."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from .records import Limits, Peak, Read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import Probe
    from llamabuild.types.machine import Machine

MEMORY = "memory"
ARITHMETIC = ("int8", "f32")
ALIKE = 1.25
"""Sizes within this factor of each other count as one."""


def find_limits(
    machine: Machine, probes: Sequence[Probe], working_set_bytes: int, threads: int
) -> Limits:
    """Return the limits for a working set that threads read in equal parts.

    The bandwidth is the fastest read (over widths, streams and pages) of the level that the parts
    fit into, at the probed size nearest to the working set: in memory, too, because what is little
    larger than a cache is partly in it. Arithmetic is the fastest over instruction sets.
    """
    mine = [probe for probe in probes if probe.threads == threads]
    peaks = []
    for name in ARITHMETIC:
        best = max(
            (p for p in mine if p.kind == "compute" and p.name == name),
            key=lambda probe: probe.value,
            default=None,
        )
        if best is not None:
            peaks.append(Peak(name=name, operations_per_second=best.value, isa=best.isa))
    level = residence(machine, working_set_bytes, threads)
    reads = [p for p in mine if p.kind == "bandwidth" and p.name == "read" and p.value > 0]
    return Limits(threads=threads, read=_read(reads, level, working_set_bytes), peaks=tuple(peaks))


def residence(machine: Machine, working_set_bytes: int, threads: int) -> str:
    """Return the smallest of ``L1``, ``L2``, ``L3``, ``memory`` that holds each thread's part.

    A thread has its share of a cache that several cores use. Sizes are as the CPU states them; a
    hypervisor may state a cache that other guests use too, so the probe at that size decides how
    fast it is.
    """
    part = working_set_bytes / max(1, threads)
    per_core = max(1, machine.cpu.threads_per_core)
    for cache in sorted(machine.cpu.caches, key=lambda cache: cache.level):
        sharing = max(1, min(threads, cache.shared_by // per_core))
        if cache.kind != "instruction" and part <= cache.size_bytes / sharing:
            return f"L{cache.level}"
    return MEMORY


def _read(reads: Sequence[Probe], level: str, working_set_bytes: int) -> Read | None:
    there = [probe for probe in reads if probe.residence == level] or list(reads)
    if not there:
        return None
    wanted = log(max(1, working_set_bytes))
    nearest = min(
        (probe.working_set_bytes for probe in there),
        key=lambda size: abs(log(max(1, size)) - wanted),
    )
    fitting = {p.working_set_bytes for p in there if _alike(p.working_set_bytes, nearest)}
    best = max((p for p in there if p.working_set_bytes in fitting), key=lambda probe: probe.value)
    return Read(
        bytes_per_second=best.value,
        residence=best.residence,
        working_set_bytes=best.working_set_bytes,
        isa=best.isa,
        streams=best.streams,
        pages=best.pages,
    )


def _alike(size: int, other: int) -> bool:
    return max(size, other) <= ALIKE * min(size, other)
