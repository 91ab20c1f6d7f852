"""Which CPUs the threads of a probe run on, and which NUMA nodes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.machine import topology
from llamabuild.machine.system import SYSFS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.types.machine import Machine


def cpu_order(machine: Machine, sysfs: Path = SYSFS) -> tuple[int, ...]:
    """Return the CPUs that this process may use: one of each core first, then the others."""
    cores = topology.cores(sysfs, frozenset(machine.affinity))
    places = {cpu: place for core in cores for place, cpu in enumerate(sorted(core))}
    return tuple(sorted(machine.affinity, key=lambda cpu: (places.get(cpu, 0), cpu)))


def numa_nodes(sysfs: Path = SYSFS) -> Sequence[int]:
    """Return the numbers of the NUMA nodes that have memory, where there are several; else none."""
    folder = sysfs / "devices" / "system" / "node"
    try:
        nodes = topology.parse_cpu_list((folder / "has_memory").read_text("ascii"))
    except (OSError, ValueError):
        return ()
    return sorted(nodes) if len(nodes) > 1 else ()
