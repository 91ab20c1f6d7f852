"""The machine of all made-up runs."""

from __future__ import annotations

from llamabuild.types.machine import Cache, Cpu, Machine
from tests.report_fixture.base import digest


def machine() -> Machine:
    return Machine(
        fingerprint=digest("machine")[:16],
        cpu=Cpu(
            architecture="x86_64",
            vendor="GenuineIntel",
            brand="Intel(R) Xeon(R) Platinum 8581C CPU @ 2.30GHz",
            microarchitecture="sapphirerapids",
            features=("avx", "avx2", "avx512f", "avx512vnni", "avxvnni", "bmi2", "f16c", "fma"),
            logical_cpus=2,
            physical_cores=2,
            threads_per_core=1,
            caches=(
                Cache(level=1, kind="data", size_bytes=49152, line_bytes=64, shared_by=1),
                Cache(level=2, kind="unified", size_bytes=2097152, line_bytes=64, shared_by=1),
                Cache(level=3, kind="unified", size_bytes=272629760, line_bytes=64, shared_by=2),
            ),
            hypervisor="KVM",
        ),
        affinity=(0, 1),
        quota_cpus=2.0,
        usable_threads=2,
        numa_nodes=1,
        memory_bytes=16 << 30,
        transparent_huge_pages="madvise",
        governor="unknown",
        turbo="unknown",
        operating_system="Debian GNU/Linux 12 (bookworm)",
        kernel="6.1.0",
        libc="glibc 2.36",
    )
