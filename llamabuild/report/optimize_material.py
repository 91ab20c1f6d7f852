"""An optimization loaded from the store: all that a rendering of it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report.optimize_document import optimize_document
from llamabuild.store.results import Results

if TYPE_CHECKING:
    from llamabuild.report.optimize_document import OptimizeDocument


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
        return OptimizeMaterial(optimize_document(results.optimization(record_id)))
