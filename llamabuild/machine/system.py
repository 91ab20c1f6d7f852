"""Settings of the system that move measurements; ``unknown`` where it doesn't say."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .cgroups import CGROUPS, PROC
from .files import read_int, read_table, read_text
from .limits import memory_limit_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSFS = Path("/sys")
UNKNOWN = "unknown"


def transparent_huge_pages(sysfs: Path = SYSFS) -> str:
    """Return ``always``, ``madvise``, ``never`` or ``unknown``."""
    text = read_text(sysfs / "kernel" / "mm" / "transparent_hugepage" / "enabled")
    chosen = re.search(r"\[(\w+)\]", text)
    return chosen[1] if chosen else UNKNOWN


def governor(cpus: Sequence[int], sysfs: Path = SYSFS) -> str:
    """Return the frequency governor of these CPUs, joined by ``+`` where they differ."""
    folder = sysfs / "devices" / "system" / "cpu"
    found = {read_text(folder / f"cpu{cpu}" / "cpufreq" / "scaling_governor") for cpu in cpus}
    return "+".join(sorted(found - {""})) or UNKNOWN


def turbo(sysfs: Path = SYSFS) -> str:
    """Return ``on``, ``off`` or ``unknown``."""
    folder = sysfs / "devices" / "system" / "cpu"
    no_turbo = read_int(folder / "intel_pstate" / "no_turbo")
    boost = read_int(folder / "cpufreq" / "boost") if no_turbo is None else 1 - no_turbo
    return UNKNOWN if boost is None else "on" if boost else "off"


def numa_nodes(sysfs: Path = SYSFS) -> int:
    """Return the number of NUMA nodes, 1 where the kernel doesn't say."""
    return len(list((sysfs / "devices" / "system" / "node").glob("node[0-9]*"))) or 1


def memory_bytes(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return the memory that this process may use: the machine's or the cgroup's limit.

    0 where the kernel doesn't say.
    """
    kibibytes = read_table(proc / "meminfo").get("MemTotal", "0 kB").split()[0]
    total = int(kibibytes) * 1024
    limit = memory_limit_bytes(proc, cgroups)
    return total if limit is None else min(total or limit, limit)


def frequency_mhz(cpus: Sequence[int], proc: Path = PROC, sysfs: Path = SYSFS) -> float | None:
    """Return the mean present frequency of these CPUs in MHz, or None.

    A virtual machine mostly shows the nominal frequency, whatever the real one.
    """
    folder = sysfs / "devices" / "system" / "cpu"
    read = (read_int(folder / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq") for cpu in cpus)
    mhz = [kilohertz / 1000 for kilohertz in read if kilohertz is not None]
    if not mhz:
        text = read_text(proc / "cpuinfo")
        by_cpu = [float(f) for f in re.findall(r"^cpu MHz\s*:\s*([\d.]+)$", text, re.MULTILINE)]
        mhz = [by_cpu[cpu] for cpu in cpus if cpu < len(by_cpu)]
    return sum(mhz) / len(mhz) if mhz else None


def operating_system() -> str:
    """Return the distribution's name, such as ``Debian GNU/Linux 12 (bookworm)``."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system() or UNKNOWN


def libc() -> str:
    """Return the C library, such as ``glibc 2.36``."""
    return " ".join(platform.libc_ver()).strip() or UNKNOWN
