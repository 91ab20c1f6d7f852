"""The kinds of records in the results database, and what is said when one isn't found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the kinds of records, and what is said when one isn't found."""

    table: str
    what: str
    made_by: str
    remedy: str


VARIANT_RUNS = Kind(
    "runs",
    "run",
    "python -m llamabuild variants",
    "'python -m llamabuild report --list' names all runs",
)
KERNEL_RUNS = Kind(
    "kernel_runs", "kernel run", "python -m llamabuild kernels", "take its whole id, or 'latest'"
)
OPTIMIZATIONS = Kind(
    "optimizations",
    "optimization",
    "python -m llamabuild optimize",
    "take its whole id, or 'latest'",
)
LABS = Kind("labs", "lab", "python -m llamabuild lab", "take its whole id, or 'latest'")
PROFILE_RUNS = Kind(
    "profile_runs", "profile", "python -m llamabuild profile", "take its whole id, or 'latest'"
)
