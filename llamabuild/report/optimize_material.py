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
    """Return the shares of the machine's bounds."""
    shares = newest.roofline.shares
    before = {share.workload: share.share for share in shares if share.variant == record.base}
    return tuple(
        Bounded(
            workload=share.workload,
            before=before.get(share.workload),
            after=share.share,
            verdict=share.verdict,
            advice=share.advice,
        )
        for share in shares
        if share.variant == _final(record)
    )


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
