"""The machine as one record, with a fingerprint that tells comparable machines from others."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

import msgspec

from llamabuild.types.machine import Machine

from . import limits, system, topology
from .cpu import detect_cpu, this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.machine import Cpu

FINGERPRINT_DIGITS = 16


def detect_machine() -> Machine:
    """Describe this machine as this process may use it.

    Raises:
        EnvironmentLacks: The extension module is missing.
    """
    probe = this_machine()
    cpu = detect_cpu(probe)
    cores = topology.cores(probe.sysfs, topology.online_cpus(probe.sysfs, cpu.logical_cpus))
    allowed = limits.affinity()
    quota = limits.quota_cpus()
    memory = system.memory_bytes()
    nodes = system.numa_nodes()
    return Machine(
        fingerprint=fingerprint(
            cpu, allowed=allowed, quota=quota, memory_bytes=memory, numa_nodes=nodes
        ),
        cpu=cpu,
        affinity=allowed,
        quota_cpus=quota,
        usable_threads=limits.usable_threads(cores, allowed, quota),
        numa_nodes=nodes,
        memory_bytes=memory,
        transparent_huge_pages=system.transparent_huge_pages(),
        governor=system.governor(allowed),
        turbo=system.turbo(),
        operating_system=system.operating_system(),
        kernel=platform.release(),
        libc=system.libc(),
    )


def fingerprint(
    cpu: Cpu, *, allowed: Sequence[int], quota: float | None, memory_bytes: int, numa_nodes: int
) -> str:
    """Return a short hash of what makes measurements comparable.

    Memory counts in whole GiB, because the part that the kernel keeps for itself differs from
    boot to boot, and affinity as a number of CPUs. The archspec name is left out: it follows from
    the rest and changes with archspec's version.
    """
    identity = msgspec.to_builtins(cpu)
    del identity["microarchitecture"]
    identity["allowed_cpus"] = len(allowed)
    identity["quota_cpus"] = quota
    identity["memory_gib"] = round(memory_bytes / (1 << 30))
    identity["numa_nodes"] = numa_nodes
    encoded = msgspec.json.encode(identity, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:FINGERPRINT_DIGITS]
