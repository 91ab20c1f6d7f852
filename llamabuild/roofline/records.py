"""What the roofline model says, as records that go into documents."""

from __future__ import annotations

from llamabuild.types.base import Data

MEMORY_BOUND, COMPUTE_BOUND, NEITHER = "memory-bound", "compute-bound", "neither"
BANDWIDTH, COMPUTE = "bandwidth", "compute"


class Read(Data, frozen=True, kw_only=True):
    """The read bandwidth that applies to a model: a probe near its size."""

    bytes_per_second: float
    residence: str
    """Where the bytes of a token live: ``L1``, ``L2``, ``L3`` or ``memory``."""
    working_set_bytes: int
    """Of the probe, all threads together."""
    isa: str
    streams: int
    pages: str


class Peak(Data, frozen=True, kw_only=True):
    """The fastest arithmetic that was probed."""

    name: str
    """``int8`` or ``f32``."""
    operations_per_second: float
    isa: str


class Limits(Data, frozen=True, kw_only=True):
    """What a machine can do at a thread count, for a working set of some size."""

    threads: int
    read: Read | None
    peaks: tuple[Peak, ...]


class Bound(Data, frozen=True, kw_only=True):
    """The most tokens per second that a workload can reach."""

    variant: str = ""
    """The one whose model it is for; empty: those that run the run's own."""
    workload: str
    kind: str
    """``tg`` or ``pp``."""
    threads: int
    bytes_per_token: float
    operations_per_token: float
    bandwidth_tokens_per_second: float | None
    """None without a probe."""
    compute_tokens_per_second: float | None
    tokens_per_second: float | None
    """The smaller of both; the other one where one is missing."""
    limited_by: str
    """``bandwidth`` or ``compute``; empty without probes."""


class Measured(Data, frozen=True, kw_only=True):
    """The speed of one variant on one workload."""

    variant: str
    workload: str
    threads: int
    tokens_per_second: float


class Share(Data, frozen=True, kw_only=True):
    """One measured speed beside its bound."""

    variant: str
    workload: str
    threads: int
    tokens_per_second: float
    share: float
    """Of the tighter bound."""
    bandwidth_share: float | None
    compute_share: float | None
    verdict: str
    """``memory-bound``, ``compute-bound`` or ``neither``."""
    advice: str
    """What to try next, in words."""


class Roofline(Data, frozen=True, kw_only=True):
    """Bounds of a model on a machine, and how near variants come to them."""

    kernel_run: str
    """Whose probes were used; empty without any."""
    limits: tuple[Limits, ...] = ()
    """One a thread count."""
    bounds: tuple[Bound, ...] = ()
    shares: tuple[Share, ...] = ()
    missing: str = ""
    """What is not known, with how to get it; empty if nothing is missing."""

    def bound_of(self, share: Share) -> Bound | None:
        """Return the bound that a share is one of."""
        place = (share.workload, share.threads)
        found = {b.variant: b for b in self.bounds if (b.workload, b.threads) == place}
        return found.get(share.variant, found.get(""))
