"""What a machine is, and what state it was in while something ran."""

from __future__ import annotations

from .base import Data


class Cache(Data, frozen=True, kw_only=True):
    """One cache as the CPU describes it."""

    level: int
    kind: str
    """``data``, ``instruction`` or ``unified``."""
    size_bytes: int
    line_bytes: int
    shared_by: int
    """Logical CPUs that share one instance, as far as the machine tells."""


class Cpu(Data, frozen=True, kw_only=True):
    """The processor. Features are named like the ISA groups (``avx2``, ``avx512vnni``)."""

    architecture: str
    """``x86_64`` or ``aarch64``."""
    vendor: str
    brand: str
    microarchitecture: str
    """The archspec name, such as ``zen4``."""
    features: tuple[str, ...]
    """Sorted; only what the CPU has *and* the operating system saves on a context switch."""
    logical_cpus: int
    physical_cores: int
    threads_per_core: int
    caches: tuple[Cache, ...]
    hypervisor: str
    """Hypervisor vendor, or empty on bare metal."""


class Tool(Data, frozen=True, kw_only=True):
    """An external program."""

    name: str
    path: str
    version: str
    sha256: str
    """Of the file that ``path`` resolves to; empty when it was not needed."""


class Machine(Data, frozen=True, kw_only=True):
    """Where something was built or measured. Free of host names and user paths."""

    fingerprint: str
    """Hash of everything that makes measurements comparable: CPU, caches, quota, memory."""
    cpu: Cpu
    affinity: tuple[int, ...]
    """Logical CPUs that this process may use."""
    quota_cpus: float | None
    """The cgroup's CPU quota in CPUs, or None without one."""
    usable_threads: int
    """Physical cores within affinity and quota: the default thread count."""
    numa_nodes: int
    memory_bytes: int
    transparent_huge_pages: str
    governor: str
    """Frequency governor, or ``unknown``."""
    turbo: str
    """``on``, ``off`` or ``unknown``."""
    operating_system: str
    kernel: str
    libc: str


class MachineState(Data, frozen=True, kw_only=True):
    """What happened on the machine while one trial ran. None where it cannot be read."""

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    peak_rss_bytes: int | None
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    steal_seconds: float | None
    """Time that the hypervisor gave to others, summed over all CPUs."""
    foreign_seconds: float | None
    """CPU time of all other processes, summed over all CPUs."""
    throttled_seconds: float | None
    """Time that the cgroup's quota held this process back."""
    runnable_threads: int | None
    """Runnable threads on the machine when the trial started."""
    load_1min: float | None
    frequency_mhz: float | None
    """Mean over the usable CPUs, at the end of the trial."""
    transparent_huge_pages: str
