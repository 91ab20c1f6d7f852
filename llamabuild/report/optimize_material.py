"""An optimization loaded from the store: all that a rendering of it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.report.material import load
from llamabuild.report.optimize_document import Bounded, Speeds, optimize_document
from llamabuild.store.results import Results
from llamabuild.types.optimization import CONFIRM

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.optimize_document import OptimizeDocument
    from llamabuild.types.optimization import Optimization


@dataclass(frozen=True, slots=True)
class OptimizeMaterial:
    """What every format and section of an optimization's report is made from."""

    document: OptimizeDocument


def load_optimization(record_id: str, probes: str = "") -> OptimizeMaterial:
    """Read an optimization from the store.

    Args:
        record_id: Which.
        probes: As of :func:`~llamabuild.report.material.load`.

    Raises:
        BadInput: There is no such optimization, or there are several.
    """
    with Results.open() as results:
        record = results.optimization(record_id)
    newest = _newest(record, probes)
    if newest is None:
        return OptimizeMaterial(optimize_document(record))
    return OptimizeMaterial(
        optimize_document(record, _bounds(record, newest), _speeds(record, newest))
    )


def _final(record: Optimization) -> str:
    return record.deployment.variant if record.deployment else record.base


def _newest(record: Optimization, probes: str) -> Document | None:
    """Return the last run that has the result, which without a confirmation is the baseline."""
    confirmed = [stage for stage in record.stages if stage.name.startswith(CONFIRM)]
    stages = confirmed or list(record.stages)
    if not stages:
        return None
    try:
        return load(stages[-1].measurement.run, probes).document
    except BadInput:
        return None  # its runs are gone: the record stands for itself


def _bounds(record: Optimization, newest: Document) -> tuple[Bounded, ...]:
    """Return the shares of the baseline's bounds: a result with fewer threads has the same machine.

    Verdict and advice are the result's own where it runs as many threads, else the baseline's.
    """
    shares = {(share.variant, share.workload): share for share in newest.roofline.shares}
    found = []
    for speed in _speeds(record, newest):
        base = shares.get((record.base, speed.workload))
        if base is None or not speed.after:
            continue
        own = shares.get((_final(record), speed.workload), base)
        said = own if own.threads == base.threads else base
        found.append(
            Bounded(
                workload=speed.workload,
                before=base.share,
                after=base.share * speed.after / base.tokens_per_second,
                verdict=said.verdict,
                advice=said.advice,
            )
        )
    return tuple(found)


def _speeds(record: Optimization, newest: Document) -> tuple[Speeds, ...]:
    medians = {
        (variant.name, result.name): result.median
        for variant in newest.variants
        for result in variant.workloads
    }
    return tuple(
        Speeds(
            workload=load.name,
            before=medians.get((record.base, load.name)),
            after=medians.get((_final(record), load.name)),
        )
        for load in record.workloads
    )
