"""Where the memory of a running process lies: how much is resident, and how much on huge pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .cgroups import PROC
from .files import read_table

if TYPE_CHECKING:
    from pathlib import Path

HUGE_FIELDS = ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped")
"""Of proc_pid_smaps(5): memory that is mapped in one piece of 2 MiB on x86."""


class Resident(NamedTuple):
    """Memory of a process at one moment, in bytes."""

    resident_bytes: int
    """Anonymous memory, and what it maps of files."""
    huge_bytes: int
    """The part on huge pages."""


def read_resident(pid: int, proc: Path = PROC) -> Resident | None:
    """Return a process's memory now; None when it has ended, or the kernel (before 4.14) is silent.

    The kernel walks the page tables for it: about 10 ms for each GiB in pages of 4 KiB.
    """
    table = read_table(proc / str(pid) / "smaps_rollup")
    if "Rss" not in table:
        return None
    return Resident(_bytes(table["Rss"]), sum(_bytes(table.get(name, "0")) for name in HUGE_FIELDS))


def _bytes(text: str) -> int:
    return int(text.removesuffix("kB")) * 1024
