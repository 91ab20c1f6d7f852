"""Where it was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.portable import clean
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.material import Material
    from llamabuild.types.machine import Machine


def facts(machine: Machine) -> list[tuple[str, str]]:
    """Return ``(name, value)`` pairs in words."""
    cpu = machine.cpu
    caches = [
        f"L{cache.level} {cache.kind} {numbers.binary_size(cache.size_bytes)}"
        + (f" shared by {cache.shared_by}" if cache.shared_by > 1 else "")
        for cache in cpu.caches
    ]
    threads = numbers.count(machine.usable_threads, "thread")
    cores = f"{cpu.physical_cores} physical, {cpu.logical_cpus} logical; {threads} usable"
    nodes = numbers.count(machine.numa_nodes, "NUMA node")
    quota = "none" if machine.quota_cpus is None else f"{machine.quota_cpus:g} CPUs"
    pairs = [
        ("CPU", cpu.brand),
        ("Microarchitecture", f"{cpu.microarchitecture} ({cpu.architecture})"),
        ("Cores", cores),
        ("CPU quota", quota),
        ("Caches", ", ".join(caches)),
        ("Memory", f"{numbers.binary_size(machine.memory_bytes)}, {nodes}"),
        ("Hypervisor", cpu.hypervisor or "none"),
        ("Frequency", f"governor {machine.governor}, turbo {machine.turbo}"),
        ("Transparent huge pages", machine.transparent_huge_pages),
        ("System", f"{machine.operating_system}, kernel {machine.kernel}, {machine.libc}"),
        ("Fingerprint", machine.fingerprint),
    ]
    return [(name, clean(value)) for name, value in pairs if value]


def _context(material: Material) -> dict[str, Any]:
    machine = material.document.machine
    return {"facts": facts(machine), "features": machine.cpu.features}


MACHINE = Section("machine", "Machine", _context)
