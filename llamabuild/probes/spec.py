"""What is to be measured, before it is."""

from __future__ import annotations

from llamabuild.types.base import Data

BANDWIDTH, LATENCY, COMPUTE = "bandwidth", "latency", "compute"
SMALL_PAGES, HUGE_PAGES, FILE_PAGES = "4K", "huge", "file"
READ, CHASE = "read", "latency"
PAST_CACHES = "_nt"
"""Ends the name of a loop with non-temporal stores."""
KINDS = {CHASE: LATENCY, "int8": COMPUTE, "f32": COMPUTE}
"""Kind of a loop by its name; all others measure bandwidth."""


class Loop(Data, frozen=True, kw_only=True):
    """A loop of the extension module."""

    index: int
    """Its place in the module's table."""
    name: str
    """As :attr:`llamabuild.types.kernels.Probe.name`."""
    isa: str
    features: tuple[str, ...]
    """What the CPU must have."""
    width_bits: int
    streams: int
    """Parallel streams, arrays, chains or accumulators."""

    @property
    def kind(self) -> str:
        """``bandwidth``, ``latency`` or ``compute``."""
        return KINDS.get(self.name, BANDWIDTH)


class ProbeSpec(Data, frozen=True, kw_only=True):
    """One probe to make."""

    loop: Loop
    threads: int
    bytes_per_thread: int
    """0 for compute."""
    residence: str
    """Where that lives; empty for compute."""
    pages: str = SMALL_PAGES
    """``4K``, ``huge`` or ``file``; empty for compute."""
    node: int | None = None
    """NUMA node that the memory is bound to; None: where each thread touches it first."""
    seconds: float
    """Time for samples, unless they settle earlier."""
    note: str = ""
    """Why it is not what was wanted."""

    @property
    def place(self) -> tuple[str, int, int, int, bool]:
        """What probes must agree in to use the same memory."""
        node = -1 if self.node is None else self.node
        chase = self.loop.name == CHASE
        return self.pages, node, self.threads, self.bytes_per_thread, chase
