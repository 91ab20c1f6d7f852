"""Probes, a model and measured speeds into one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bounds import bound
from .limits import find_limits
from .records import Roofline
from .shares import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.inputs import Model
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.run import Workload

    from .records import Limits, Measured

MAKE_PROBES = "'python -m llamabuild kernels --only-probes' makes them"


def roofline(
    kernel_run: KernelRun | None,
    model: Model,
    workloads: Sequence[Workload],
    *,
    threads: Sequence[int],
    measured: Sequence[Measured] = (),
) -> Roofline:
    """Return bounds and shares, or what is missing to give them.

    Args:
        kernel_run: The probes of the machine; None if there are none.
        model: What is run; its ``traffic`` says what a token costs.
        workloads: Each gets a bound at each thread count.
        threads: Thread counts; those of ``measured`` are added.
        measured: Speeds to compare with their bounds.
    """
    if kernel_run is None or not kernel_run.probes:
        missing = f"the limits of this machine were not measured yet; {MAKE_PROBES}"
        return Roofline(kernel_run="", missing=missing)
    if model.traffic is None:
        missing = (
            "the run was stored before the model's header was read for this; "
            "'python -m llamabuild roofline' reads it now"
        )
        return Roofline(kernel_run=kernel_run.id, missing=missing)
    counts = sorted({*threads, *(item.threads for item in measured)})
    size = sum(model.traffic.bytes_per_token.values())
    limits = [find_limits(kernel_run.machine, kernel_run.probes, size, n) for n in counts]
    bounds = {
        (workload.name, limit.threads): bound(workload, model.traffic, limit)
        for workload in workloads
        for limit in limits
    }
    shares = [
        share(item, bounds[item.workload, item.threads])
        for item in measured
        if (item.workload, item.threads) in bounds
    ]
    return Roofline(
        kernel_run=kernel_run.id,
        limits=tuple(limits),
        bounds=tuple(bounds.values()),
        shares=tuple(item for item in shares if item is not None),
        missing=_missing(limits),
    )


def _missing(limits: Sequence[Limits]) -> str:
    lacking = {
        f"{what} with {limit.threads} thread{'s' * (limit.threads != 1)}"
        for limit in limits
        for what, there in (("read bandwidth", limit.read), ("peak arithmetic", limit.peaks))
        if not there
    }
    if not lacking:
        return ""
    counts = ",".join(str(limit.threads) for limit in limits)
    return (
        f"not probed: {', '.join(sorted(lacking))}; "
        f"'python -m llamabuild kernels --only-probes --threads {counts}' does it"
    )
