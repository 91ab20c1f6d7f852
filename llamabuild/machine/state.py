"""What happened on the machine while one trial ran."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.types.machine import MachineState

from . import limits, system
from .cgroups import CGROUPS, PROC, find_hierarchy
from .files import read_table, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from resource import struct_rusage

BUSY_COLUMNS = (0, 1, 2, 5, 6)
"""user, nice, system, irq, softirq in ``/proc/stat``; guest time is part of user."""
STEAL_COLUMN = 7
THROTTLED = {1: ("throttled_time", 1e-9), 2: ("throttled_usec", 1e-6)}
"""Key and unit in seconds of ``cpu.stat``, by cgroup version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The machine's counters at one moment, in seconds since boot; None where unreadable."""

    busy_seconds: float | None
    """CPU time of all processes, summed over all CPUs."""
    steal_seconds: float | None
    throttled_seconds: float | None
    running: int | None
    """Runnable threads besides the one that reads."""


def read_counters(proc: Path = PROC, cgroups: Path = CGROUPS) -> Counters:
    """Read the counters."""
    stat = read_table(proc / "stat")
    tick = os.sysconf("SC_CLK_TCK")
    ticks = [int(column) for column in stat.get("cpu", "").split()]
    running = stat.get("procs_running")
    return Counters(
        busy_seconds=sum(ticks[c] for c in BUSY_COLUMNS) / tick
        if len(ticks) > max(BUSY_COLUMNS)
        else None,
        steal_seconds=ticks[STEAL_COLUMN] / tick if len(ticks) > STEAL_COLUMN else None,
        throttled_seconds=_throttled_seconds(proc, cgroups),
        running=None if running is None else max(0, int(running) - 1),
    )


class StateMeter:
    """Measures one trial: construct it just before, call :meth:`finish` just after.

    Args:
        cpus: Logical CPUs whose frequency counts; by default those of this process.
        proc: Where procfs is.
        sysfs: Where sysfs is.
        cgroups: Where the cgroups are.
    """

    def __init__(
        self,
        cpus: Sequence[int] = (),
        *,
        proc: Path = PROC,
        sysfs: Path = system.SYSFS,
        cgroups: Path = CGROUPS,
    ) -> None:
        self._cpus = cpus or limits.affinity()
        self._proc = proc
        self._sysfs = sysfs
        self._cgroups = cgroups
        self._load = _load_1min(proc)
        self._start = read_counters(proc, cgroups)

    def finish(
        self, usage: struct_rusage, wall_seconds: float, peak_rss_bytes: int | None = None
    ) -> MachineState:
        """Return the state of the machine since construction.

        Args:
            usage: Resources of the trial's process and its children, from :func:`os.wait4`.
            wall_seconds: How long the trial ran.
            peak_rss_bytes: Most memory it had, as :func:`llamabuild.process.run` saw it; that of
                ``usage`` would include ours.
        """
        start, end = self._start, read_counters(self._proc, self._cgroups)
        busy = _difference(start.busy_seconds, end.busy_seconds)
        own = usage.ru_utime + usage.ru_stime
        return MachineState(
            wall_seconds=wall_seconds,
            user_seconds=usage.ru_utime,
            system_seconds=usage.ru_stime,
            peak_rss_bytes=peak_rss_bytes,
            minor_faults=usage.ru_minflt,
            major_faults=usage.ru_majflt,
            voluntary_switches=usage.ru_nvcsw,
            involuntary_switches=usage.ru_nivcsw,
            steal_seconds=_difference(start.steal_seconds, end.steal_seconds),
            # The kernel counts the machine in ticks and the process exactly: never below 0.
            foreign_seconds=None if busy is None else max(0.0, busy - own),
            throttled_seconds=_difference(start.throttled_seconds, end.throttled_seconds),
            runnable_threads=start.running,
            load_1min=self._load,
            frequency_mhz=system.frequency_mhz(self._cpus, self._proc, self._sysfs),
            transparent_huge_pages=system.transparent_huge_pages(self._sysfs),
        )


def _difference(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def _load_1min(proc: Path) -> float | None:
    first = read_text(proc / "loadavg").partition(" ")[0]
    return float(first) if first else None


def _throttled_seconds(proc: Path, cgroups: Path) -> float | None:
    """Return how long quotas held back the process's group and those above it, or None."""
    hierarchy = find_hierarchy("cpu", proc, cgroups)
    if hierarchy is None:
        return None
    key, unit = THROTTLED[hierarchy.version]
    counts = [read_table(folder / "cpu.stat").get(key) for folder in hierarchy.folders]
    known = [int(count) * unit for count in counts if count is not None]
    return sum(known) if known else None
