"""How much memory this process can still have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cgroups import CGROUPS, PROC, find_hierarchy
from .files import read_int, read_table
from .limits import memory_limit_bytes

if TYPE_CHECKING:
    from pathlib import Path


def available_bytes(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Return the memory that can be had without swapping, in bytes; None if it can't be read.

    What the kernel calls available, or what the cgroup's limit leaves, whichever is less.
    """
    left = []
    kibibytes = read_table(proc / "meminfo").get("MemAvailable", "").split()
    if kibibytes and kibibytes[0].isdigit():
        left.append(int(kibibytes[0]) * 1024)
    limit = memory_limit_bytes(proc, cgroups)
    if limit is not None:
        left.append(max(0, limit - _cgroup_usage(proc, cgroups)))
    return min(left, default=None)


def _cgroup_usage(proc: Path, cgroups: Path) -> int:
    hierarchy = find_hierarchy("memory", proc, cgroups)
    if hierarchy is None:
        return 0
    name = "memory.usage_in_bytes" if hierarchy.version == 1 else "memory.current"
    used = (read_int(folder / name) for folder in hierarchy.folders)
    return next((n for n in used if n is not None), 0)
