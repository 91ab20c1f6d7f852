"""An optimization loaded from the store: all that a rendering of it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.report.material import load
from llamabuild.report.optimize_document import Bounded, optimize_document
from llamabuild.store.results import Results
from llamabuild.types.optimization import CONFIRM

if TYPE_CHECKING:
    from llamabuild.report.optimize_document import OptimizeDocument
    from llamabuild.types.optimization import Optimization


@dataclass(frozen=True, slots=True)
class OptimizeMaterial:
    """What every format and section of an optimization's report is made from."""

    document: OptimizeDocument


def load_optimization(record_id: str) -> OptimizeMaterial:
    """Read an optimization from the store.

    Raises:
        BadInput: There is no such optimization, or there are several.
    """
    with Results.open() as results:
        record = results.optimization(record_id)
    return OptimizeMaterial(optimize_document(record, _bounds(record)))


def _bounds(record: Optimization) -> tuple[Bounded, ...]:
    """Return the shares of the machine's bounds in the last run that has the result."""
    final = record.deployment.variant if record.deployment else record.base
    confirmed = [stage for stage in record.stages if stage.name.startswith(CONFIRM)]
    if not confirmed:
        return ()
    try:
        shares = load(confirmed[-1].measurement.run).document.roofline.shares
    except BadInput:
        return ()  # its runs are gone: the record stands for itself
    before = {share.workload: share.share for share in shares if share.variant == record.base}
    return tuple(
        Bounded(
            workload=share.workload,
            before=before.get(share.workload),
            after=share.share,
            verdict=share.verdict,
        )
        for share in shares
        if share.variant == final
    )
