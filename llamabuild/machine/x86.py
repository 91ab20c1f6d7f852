"""What an x86 CPU says of itself by CPUID: names and caches.

Source: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
"""

from __future__ import annotations

import struct
from itertools import count
from typing import TYPE_CHECKING

from llamabuild.types.machine import Cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .features import Cpuid

CACHE_LEAVES = (0x4, 0x8000_001D)
"""Intel's and AMD's; the same layout."""
CACHE_KINDS = {1: "data", 2: "instruction", 3: "unified"}
HYPERVISOR_BIT = 31
HYPERVISOR_LEAF = 0x4000_0000
BRAND_LEAVES = (0x8000_0002, 0x8000_0003, 0x8000_0004)
MOST_CACHES = 16

HYPERVISORS = {
    "KVMKVMKVM": "KVM",
    "Microsoft Hv": "Hyper-V",
    "VMwareVMware": "VMware",
    "XenVMMXenVMM": "Xen",
    "TCGTCGTCGTCG": "QEMU without KVM",
    "bhyve bhyve": "bhyve",
}


def vendor(cpuid: Cpuid) -> str:
    """Return the CPU's vendor, such as ``GenuineIntel``."""
    _, ebx, ecx, edx = cpuid(0, 0)
    return _text(ebx, edx, ecx)


def brand(cpuid: Cpuid) -> str:
    """Return the CPU's marketing name, with single spaces."""
    words = [word for leaf in BRAND_LEAVES for word in cpuid(leaf, 0)]
    return " ".join(_text(*words).split())


def hypervisor(cpuid: Cpuid) -> str:
    """Return the hypervisor's vendor, or the empty string on bare metal."""
    if not cpuid(1, 0)[2] >> HYPERVISOR_BIT & 1:
        return ""
    signature = _text(*cpuid(HYPERVISOR_LEAF, 0)[1:])
    return HYPERVISORS.get(signature, signature or "unknown")


def caches(cpuid: Cpuid, logical_cpus: int) -> tuple[Cache, ...]:
    """Return the caches of the core that this runs on.

    CPUID gives room for sharers rather than their number, so ``shared_by`` is bounded by
    ``logical_cpus``, the CPUs that there are.
    """
    for leaf in CACHE_LEAVES:
        if found := tuple(_caches_of_leaf(cpuid, leaf, logical_cpus)):
            return found
    return ()


def _caches_of_leaf(cpuid: Cpuid, leaf: int, logical_cpus: int) -> Iterator[Cache]:
    for subleaf in count():
        eax, ebx, ecx, _ = cpuid(leaf, subleaf)
        kind = CACHE_KINDS.get(eax & 0x1F)
        if kind is None or subleaf == MOST_CACHES:
            return
        line = (ebx & 0xFFF) + 1
        partitions = (ebx >> 12 & 0x3FF) + 1
        ways = (ebx >> 22 & 0x3FF) + 1
        yield Cache(
            level=eax >> 5 & 0x7,
            kind=kind,
            size_bytes=ways * partitions * line * (ecx + 1),
            line_bytes=line,
            shared_by=min((eax >> 14 & 0xFFF) + 1, logical_cpus),
        )


def _text(*words: int) -> str:
    raw = struct.pack(f"<{len(words)}I", *words)
    return raw.decode("ascii", "replace").strip("\0 ")
