"""Cores and caches as the kernel describes them in sysfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.types.machine import Cache

from .files import read_int, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Core = frozenset[int]

SIBLING_FILES = ("core_cpus_list", "thread_siblings_list")
"""The present name and the one before Linux 5.3."""
CACHE_KINDS = {"Data": "data", "Instruction": "instruction", "Unified": "unified"}
SIZE_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the CPUs of a kernel list such as ``0-3,8``.

    Raises:
        ValueError: It is not such a list.
    """
    cpus: set[int] = set()
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def cores(sysfs: Path, online: frozenset[int]) -> tuple[Core, ...]:
    """Return the physical cores, each as the set of its online logical CPUs, by lowest CPU.

    A CPU that the kernel says nothing of counts as a core of its own.
    """
    groups = {_siblings(sysfs, cpu) & online or frozenset({cpu}) for cpu in online}
    return tuple(sorted(groups, key=min))


def online_cpus(sysfs: Path, fallback: int) -> frozenset[int]:
    """Return the online logical CPUs, or the first ``fallback`` where the kernel hides them."""
    try:
        return parse_cpu_list(read_text(_cpu(sysfs) / "online")) or frozenset(range(fallback))
    except ValueError:
        return frozenset(range(fallback))


def caches(sysfs: Path, cpu: int) -> tuple[Cache, ...]:
    """Return the caches that a logical CPU uses, lowest level first."""
    return tuple(_caches(_cpu(sysfs) / f"cpu{cpu}" / "cache"))


def _caches(folder: Path) -> Iterator[Cache]:
    for index in sorted(folder.glob("index[0-9]*")):
        level = read_int(index / "level")
        size = _size_bytes(read_text(index / "size"))
        if level is None or size is None:
            continue
        yield Cache(
            level=level,
            kind=CACHE_KINDS.get(read_text(index / "type"), "unified"),
            size_bytes=size,
            line_bytes=read_int(index / "coherency_line_size") or 0,
            shared_by=len(parse_cpu_list(read_text(index / "shared_cpu_list"))) or 1,
        )


def _siblings(sysfs: Path, cpu: int) -> frozenset[int]:
    for name in SIBLING_FILES:
        if text := read_text(_cpu(sysfs) / f"cpu{cpu}" / "topology" / name):
            return parse_cpu_list(text)
    return frozenset({cpu})


def _size_bytes(text: str) -> int | None:
    unit = SIZE_UNITS.get(text[-1:].upper(), 1)
    digits = text.rstrip("KMGkmg")
    return int(digits) * unit if digits.isdigit() else None


def _cpu(sysfs: Path) -> Path:
    return sysfs / "devices" / "system" / "cpu"
