"""Which kind of run an id names."""

from __future__ import annotations

from llamabuild.errors import BadInput
from llamabuild.store.results import Results

LATEST = "latest"
OPTIMIZATION, LAB = "o", "l"
"""First letters of their ids."""


def is_kernel_run(run_id: str) -> bool:
    """Whether an id, or a unique start of one, names a run of ``kernels``.

    ``latest`` is a run of variants, and so is what both kinds have.

    Raises:
        BadInput: Neither kind has such a run, or there are several.
    """
    if run_id == LATEST:
        return False
    if is_optimization(run_id) or is_lab(run_id):
        return False
    with Results.open() as results:
        try:
            results.run(run_id)
        except BadInput as error:
            try:
                results.kernel_run(run_id)
            except BadInput:
                raise error from None
            return True
    return False


def is_optimization(run_id: str) -> bool:
    """Whether an id, or the start of one, names an optimization; theirs begin with a letter.

    Raises:
        BadInput: It begins like one, and there is none, or there are several.
    """
    if not run_id.startswith(OPTIMIZATION):
        return False
    with Results.open() as results:
        results.optimization(run_id)
    return True


def is_lab(run_id: str) -> bool:
    """Whether an id, or the start of one, names a lab; theirs begin with a letter.

    Raises:
        BadInput: It begins like one, and there is none, or there are several.
    """
    if not run_id.startswith(LAB) or run_id == LATEST:
        return False
    with Results.open() as results:
        results.lab(run_id)
    return True
