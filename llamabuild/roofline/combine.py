"""Probes, a model and measured speeds into one answer."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import msgspec

from .bounds import bound
from .limits import find_limits
from .records import Roofline
from .shares import share

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llamabuild.types.inputs import Model, Traffic
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.run import Workload

    from .records import Bound, Limits, Measured

MAKE_PROBES = "'python -m llamabuild kernels --only-probes' makes them"


def roofline(
    kernel_run: KernelRun | None,
    model: Model,
    workloads: Sequence[Workload],
    *,
    threads: Sequence[int],
    measured: Sequence[Measured] = (),
    others: Mapping[str, Model] | None = None,
) -> Roofline:
    """Return bounds and shares, or what is missing to give them.

    Args:
        kernel_run: The probes of the machine; None if there are none.
        model: What is run; its ``traffic`` says what a token costs.
        workloads: Each gets a bound at each thread count.
        threads: Thread counts; those of ``measured`` are added.
        measured: Speeds to compare with their bounds.
        others: By variant, the model of each that does not run ``model``; it gets bounds of its
            own.
    """
    if kernel_run is None or not kernel_run.probes:
        missing = f"the limits of this machine were not measured yet; {MAKE_PROBES}"
        return Roofline(kernel_run="", missing=missing)
    others = others or {}
    if model.traffic is None or any(other.traffic is None for other in others.values()):
        missing = (
            "the run was stored before the model's header was read for this; "
            "'python -m llamabuild roofline' reads it now"
        )
        return Roofline(kernel_run=kernel_run.id, missing=missing)
    counts = sorted({*threads, *(item.threads for item in measured)})
    limits: dict[Limits, None] = {}
    bounds: dict[tuple[str, str, int], Bound] = {}
    for variant, traffic in _traffics(model, others):
        size = sum(traffic.bytes_per_token.values())
        own = [find_limits(kernel_run.machine, kernel_run.probes, size, n) for n in counts]
        limits |= dict.fromkeys(own)
        for workload, limit in product(workloads, own):
            found = msgspec.structs.replace(bound(workload, traffic, limit), variant=variant)
            bounds[variant, workload.name, limit.threads] = found
    shares = []
    for item in measured:
        place = (item.variant if item.variant in others else "", item.workload, item.threads)
        if place in bounds:
            shares.append(share(item, bounds[place]))
    return Roofline(
        kernel_run=kernel_run.id,
        limits=tuple(limits),
        bounds=tuple(bounds.values()),
        shares=tuple(item for item in shares if item is not None),
        missing=_missing(limits),
    )


def _traffics(model: Model, others: Mapping[str, Model]) -> Iterator[tuple[str, Traffic]]:
    """Yield what a token costs: the model's for all, then each other's for its variant."""
    for variant, each in (("", model), *others.items()):
        if each.traffic is not None:
            yield variant, each.traffic


def _missing(limits: Iterable[Limits]) -> str:
    lacking = {
        f"{what} with {limit.threads} thread{'s' * (limit.threads != 1)}"
        for limit in limits
        for what, there in (("read bandwidth", limit.read), ("peak arithmetic", limit.peaks))
        if not there
    }
    if not lacking:
        return ""
    counts = ",".join(dict.fromkeys(str(limit.threads) for limit in limits))
    return (
        f"not probed: {', '.join(sorted(lacking))}; "
        f"'python -m llamabuild kernels --only-probes --threads {counts}' does it"
    )
