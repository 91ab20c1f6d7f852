"""One CPU for each thread, as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import topology
from .cpu import this_machine

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def thread_mask(allowed: Collection[int], threads: int, logical_cpus: int) -> str:
    """Return the mask of CPUs on which so many threads are least in each other's way.

    Args:
        allowed: CPUs that may be used.
        threads: How many are wanted.
        logical_cpus: Of the machine, where the kernel hides which are online.
    """
    probe = this_machine()
    online = topology.online_cpus(probe.sysfs, logical_cpus)
    return mask_of(topology.cores(probe.sysfs, online), allowed, threads)


def mask_of(cores: Sequence[Collection[int]], allowed: Collection[int], threads: int) -> str:
    """Return such as ``0x5``: one CPU of each core first, their siblings after that.

    Empty where there are fewer CPUs than threads.
    """
    usable = [sorted(set(core) & set(allowed)) for core in cores]
    deepest = max((len(core) for core in usable), default=0)
    ordered = [core[rank] for rank in range(deepest) for core in usable if rank < len(core)]
    if len(ordered) < threads:
        return ""
    return hex(sum(1 << cpu for cpu in ordered[:threads]))
