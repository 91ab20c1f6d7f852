"""Which kind of run an id names."""

from __future__ import annotations

from typing import Literal

from llamabuild.store.kinds import KERNEL_RUNS, PROFILE_RUNS, VARIANT_RUNS
from llamabuild.store.results import Results

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
        if not results.has(run_id, VARIANT_RUNS):
            if results.has(run_id, KERNEL_RUNS):
                return "kernels"
            if results.has(run_id, PROFILE_RUNS):
                return "profile"
        results.run(run_id)  # or it says that there is none
    return "variants"
