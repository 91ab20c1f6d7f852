"""The processor of this machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import archspec.cpu
from archspec.cpu.schema import TARGETS_JSON

from llamabuild.types.machine import Cpu

from . import topology, x86
from .extension import load_extension
from .features import arm_features, x86_features
from .files import read_text

if TYPE_CHECKING:
    from .features import Cpuid

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Other words for what we call ``x86_64`` and ``aarch64``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Everything that detection reads: the real machine, or a recording of another."""

    architecture: str
    microarchitecture: str
    """The archspec name."""
    cpuid: Cpuid
    xcr0: int
    hwcap: tuple[int, int]
    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")


def this_machine() -> Probe:
    """Return the probe of the machine that this runs on.

    Raises:
        EnvironmentLacks: The extension module is missing.
    """
    native = load_extension()
    machine = platform.machine().lower()
    return Probe(
        architecture=ARCHITECTURES.get(machine, machine),
        microarchitecture=archspec.cpu.host().name,
        cpuid=native.cpuid,
        xcr0=native.xcr0(),
        hwcap=native.hwcap(),
    )


def detect_cpu(probe: Probe | None = None) -> Cpu:
    """Describe the processor.

    Caches come from CPUID on x86 and from sysfs elsewhere; on a CPU with cores of several kinds
    they are those of one core.

    Raises:
        EnvironmentLacks: No ``probe`` was given and the extension module is missing.
    """
    probe = probe or this_machine()
    online = topology.online_cpus(probe.sysfs, os.cpu_count() or 1)
    cores = topology.cores(probe.sysfs, online)
    caches = topology.caches(probe.sysfs, min(online))
    if probe.architecture == "x86_64":
        vendor = x86.vendor(probe.cpuid)
        brand = x86.brand(probe.cpuid)
        features = x86_features(probe.cpuid, probe.xcr0)
        hypervisor = x86.hypervisor(probe.cpuid)
        caches = x86.caches(probe.cpuid, len(online)) or caches
    else:
        vendor = _arm_vendor(probe.proc)
        brand = f"{vendor} {probe.microarchitecture}"
        features = arm_features(*probe.hwcap)
        hypervisor = read_text(probe.sysfs / "hypervisor" / "type") or "unknown"
    return Cpu(
        architecture=probe.architecture,
        vendor=vendor,
        brand=brand or vendor,
        microarchitecture=probe.microarchitecture,
        features=features,
        logical_cpus=len(online),
        physical_cores=len(cores),
        threads_per_core=max(len(core) for core in cores),
        caches=caches,
        hypervisor=hypervisor,
    )


def _arm_vendor(proc: Path) -> str:
    """Return the vendor's name for the implementer code in ``/proc/cpuinfo``."""
    for line in read_text(proc / "cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "CPU implementer":
            names: dict[str, str] = TARGETS_JSON["conversions"]["arm_vendors"]
            return names.get(value.strip().lower(), value.strip())
    return "unknown"
