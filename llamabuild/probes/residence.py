"""Which cache holds a working set, and working sets that are sure to live in one.

A thread's share of a cache is its size over the threads that use the same instance; threads are
on cores of their own, filled in order. Sizes are those that the CPU states: a hypervisor may state
a last-level cache that is shared with other guests, which no guest can see.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from llamabuild.machine import memory
from llamabuild.machine.cgroups import CGROUPS, PROC

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.machine import Cache, Machine

MEMORY = "memory"
CACHE_LEVELS = {"L1": 1, "L2": 2, "L3": 3}
LEVELS = (*CACHE_LEVELS, MEMORY)
GRAIN_BYTES = 4096
"""Working sets are multiples of this."""
WANTED_TIMES, NEEDED_TIMES = 4, 2
"""Times the last-level cache that a working set in memory should and must be: what is in the cache
from the pass before is then at most a quarter, or half."""
SMALLEST_MEMORY_SET = 256 << 20
WANTED_PART, NEEDED_PART = 4, 2
"""A quarter of the available memory at most; half to get to NEEDED_TIMES."""


def residence(machine: Machine, bytes_per_thread: int, threads: int) -> str:
    """Return ``L1``, ``L2``, ``L3`` or ``memory``: the smallest that holds a thread's share.

    Raises:
        ValueError: There are no bytes or no threads.
    """
    _check(bytes_per_thread, threads)
    for name in CACHE_LEVELS:
        if bytes_per_thread <= _share_bytes(machine, name, threads):
            return name
    return MEMORY


def residence_bytes(
    machine: Machine, level: str, threads: int, *, available: int | None = None
) -> int:
    """Return the bytes of each thread for a working set well inside a level.

    Half of the thread's share of a cache; for ``memory`` what :func:`memory_set` says. A multiple
    of 4096. 0 when the machine has no such cache, or one no larger than the one below it.

    Args:
        machine: Where.
        level: ``L1``, ``L2``, ``L3`` or ``memory``.
        threads: How many work at once, each with this many bytes.
        available: Memory in bytes; what :func:`available_bytes` says by default.

    Raises:
        ValueError: Another level, or no threads.
    """
    _check(1, threads)
    if level not in LEVELS:
        message = f"the levels are {', '.join(LEVELS)}, not {level!r}"
        raise ValueError(message)
    if level == MEMORY:
        return memory_set(machine, threads, available=available)[0] // threads
    size = _whole(_share_bytes(machine, level, threads) // 2)
    return size if size and residence(machine, size, threads) == level else 0


def memory_set(machine: Machine, threads: int, *, available: int | None = None) -> tuple[int, str]:
    """Return a working set in memory, in bytes of all threads, and what is wrong with it.

    Four times the last-level cache and at least 256 MiB, but at most a quarter of the available
    memory; if that is less than twice the cache, up to half of it. The text is empty if all is as
    wanted, else it says what was reduced.
    """
    _check(1, threads)
    if available is None:
        available = available_bytes(machine)
    cache = last_level_bytes(machine, threads)
    wanted = max(WANTED_TIMES * cache, SMALLEST_MEMORY_SET)
    size = min(wanted, available // WANTED_PART)
    size = max(size, min(NEEDED_TIMES * cache, available // NEEDED_PART))
    size = threads * max(GRAIN_BYTES, _whole(size // threads))
    if size >= NEEDED_TIMES * cache:
        reduced = size < _whole(wanted // threads) * threads
        return size, f"{_mib(size)} instead of {_mib(wanted)}: little memory" if reduced else ""
    return size, (
        f"{_mib(size)} is only {size / cache:.1f} times the last-level cache: too little memory"
    )


def last_level_bytes(machine: Machine, threads: int) -> int:
    """Return the bytes of all last-level caches that so many threads use; 0 if unknown."""
    caches = [cache for cache in machine.cpu.caches if cache.kind != "instruction"]
    last = max(caches, key=lambda cache: cache.level, default=None)
    if last is None:
        return 0
    return last.size_bytes * ceil(threads / _cores_sharing(machine, last))


def available_bytes(machine: Machine, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return the memory that can be had without swapping, in bytes.

    Half of the machine's memory where the system doesn't say.
    """
    left = memory.available_bytes(proc, cgroups)
    return machine.memory_bytes // 2 if left is None else left


def _share_bytes(machine: Machine, name: str, threads: int) -> int:
    """Return a thread's share of a cache; 0 without such a cache."""
    for cache in machine.cpu.caches:
        if cache.level == CACHE_LEVELS[name] and cache.kind != "instruction":
            return cache.size_bytes // min(threads, _cores_sharing(machine, cache))
    return 0


def _cores_sharing(machine: Machine, cache: Cache) -> int:
    return max(1, cache.shared_by // max(1, machine.cpu.threads_per_core))


def _check(bytes_per_thread: int, threads: int) -> None:
    if bytes_per_thread < 1 or threads < 1:
        message = f"{bytes_per_thread} bytes in each of {threads} threads: both are at least 1"
        raise ValueError(message)


def _whole(size: int) -> int:
    return size // GRAIN_BYTES * GRAIN_BYTES


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
