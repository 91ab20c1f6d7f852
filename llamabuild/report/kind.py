"""Which kind of run an id names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llamabuild.errors import BadInput
from llamabuild.store.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

LATEST = "latest"
OPTIMIZATION_LETTER, LAB_LETTER = "o", "l"
"""With which their ids begin; the others' are told apart by what is stored."""

Kind = Literal["variants", "kernels", "profile", "optimization", "lab"]


def kind_of(run_id: str) -> Kind:
    """Return the kind of run that an id, or a unique start of one, names.

    ``latest`` is a run of variants, and so is what several kinds have.

    Raises:
        BadInput: No kind has such a run, or there are several of the one that its letter names.
    """
    if run_id == LATEST:
        return "variants"
    with Results.open() as results:
        if run_id.startswith(OPTIMIZATION_LETTER):
            results.optimization(run_id)
            return "optimization"
        if run_id.startswith(LAB_LETTER):
            results.lab(run_id)
            return "lab"
        try:
            results.run(run_id)
        except BadInput:
            if _found(results.kernel_run, run_id):
                return "kernels"
            if _found(results.profile_run, run_id):
                return "profile"
            raise
    return "variants"


def _found(find: Callable[[str], object], run_id: str) -> bool:
    try:
        find(run_id)
    except BadInput:
        return False
    return True
