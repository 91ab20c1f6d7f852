"""How much of the machine this process may use."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from .cgroups import CGROUPS, PROC, find_hierarchy
from .files import read_int, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .cgroups import Hierarchy

NO_MEMORY_LIMIT = 1 << 60
"""Version 1 says "no limit" with a number just below 2^63, rounded to pages."""


def affinity() -> tuple[int, ...]:
    """Return the logical CPUs that this process may run on, sorted."""
    return tuple(sorted(os.sched_getaffinity(0)))


def quota_cpus(proc: Path = PROC, root: Path = CGROUPS) -> float | None:
    """Return the CPU time per time that the cgroups allow, in CPUs; None without a quota.

    The tightest of the process's own group and all above it counts.
    """
    hierarchy = find_hierarchy("cpu", proc, root)
    return min(_quotas(hierarchy), default=None) if hierarchy else None


def memory_limit_bytes(proc: Path = PROC, root: Path = CGROUPS) -> int | None:
    """Return the memory that the cgroups allow, in bytes; None without a limit."""
    hierarchy = find_hierarchy("memory", proc, root)
    if hierarchy is None:
        return None
    name = "memory.limit_in_bytes" if hierarchy.version == 1 else "memory.max"
    limits = (read_int(folder / name) for folder in hierarchy.folders)
    return min((n for n in limits if n is not None and n < NO_MEMORY_LIMIT), default=None)


def usable_threads(
    cores: Sequence[frozenset[int]], allowed: Sequence[int], quota: float | None
) -> int:
    """Return the default number of threads: physical cores within affinity and quota, at least 1.

    A second thread on a core shares its arithmetic units, and a thread beyond the quota is
    stopped for the rest of each period while the others wait for it at the next barrier.

    Args:
        cores: Each physical core as the set of its logical CPUs.
        allowed: Logical CPUs that the process may run on.
        quota: CPUs that the cgroup allows, or None.
    """
    within = sum(1 for core in cores if core.intersection(allowed))
    return max(1, within if quota is None else min(within, math.floor(quota)))


def _quotas(hierarchy: Hierarchy) -> Iterator[float]:
    for folder in hierarchy.folders:
        if hierarchy.version == 1:
            quota, period = (read_text(folder / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
        else:
            quota, _, period = read_text(folder / "cpu.max").partition(" ")
        # "max", "-1" and a missing file all mean that this group sets none.
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            yield int(quota) / int(period)
