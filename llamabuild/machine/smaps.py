"""Where the memory of a running process lies: how much is resident, and how much on huge pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .cgroups import PROC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUGE_FIELDS = ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped")
"""Of proc_pid_smaps(5): memory that is mapped in one piece of 2 MiB on x86."""


class Mapped(NamedTuple):
    """One mapping of a process."""

    start: int
    end: int
    resident_bytes: int
    """Anonymous memory, and what it maps of files."""
    huge_bytes: int
    """The part on huge pages."""


class Resident(NamedTuple):
    """Memory of a process at one moment, in bytes."""

    resident_bytes: int
    huge_bytes: int
    large_bytes: int = 0
    """The part in large mappings."""
    large_huge_bytes: int = 0
    """The part of that on huge pages."""


def read_mappings(pid: int | str, proc: Path = PROC) -> tuple[Mapped, ...]:
    """Return the mappings of a process, in order of their addresses.

    The kernel walks the page tables for it: about 10 ms for each GiB in pages of 4 KiB.

    Raises:
        OSError: It has ended, or may not be looked at.
    """
    text = (proc / str(pid) / "smaps").read_text("ascii", "replace")
    return tuple(_parsed(text.splitlines()))


def read_resident(pid: int, large: int, proc: Path = PROC) -> Resident | None:
    """Return a process's memory now; None when it has ended or can't be looked at.

    Args:
        pid: Its id.
        large: Resident bytes from which on a mapping is a large one.
        proc: Where procfs is.
    """
    try:
        mappings = read_mappings(pid, proc)
    except OSError:
        return None
    if not mappings:
        return None
    wide = [each for each in mappings if each.resident_bytes >= large]
    return Resident(
        sum(each.resident_bytes for each in mappings),
        sum(each.huge_bytes for each in mappings),
        sum(each.resident_bytes for each in wide),
        sum(each.huge_bytes for each in wide),
    )


def _parsed(lines: list[str]) -> Iterator[Mapped]:
    span, resident, huge = (0, 0), 0, 0
    for line in lines:
        first, _, rest = line.partition(" ")
        if not first.endswith(":"):
            if span[1]:
                yield Mapped(*span, resident, huge)
            low, _, high = first.partition("-")
            span, resident, huge = (int(low, 16), int(high, 16)), 0, 0
        elif first == "Rss:":
            resident = _bytes(rest)
        elif first[:-1] in HUGE_FIELDS:
            huge += _bytes(rest)
    if span[1]:
        yield Mapped(*span, resident, huge)


def _bytes(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024
