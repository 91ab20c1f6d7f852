"""Is this machine fit to build and to measure? The list of all checks, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import build_checks, measure_checks
from .detect import detect_machine
from .tools import tool_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.types.machine import Machine

    from .check import Check
    from .measure_checks import Sample

MACHINE_CHECKS: tuple[Callable[[Machine], Check], ...] = (
    build_checks.memory,
    measure_checks.quota,
    measure_checks.affinity,
    measure_checks.smt,
    measure_checks.governor,
    measure_checks.turbo,
    measure_checks.huge_pages,
    measure_checks.numa,
    measure_checks.virtualisation,
)
SAMPLE_CHECKS: tuple[Callable[[Sample], Check], ...] = (measure_checks.steal, measure_checks.load)
OTHER_CHECKS: tuple[Callable[[], Check], ...] = (
    measure_checks.counters,
    build_checks.disk,
    build_checks.python,
)


def examine(
    machine: Machine | None = None, *, sample_seconds: float = measure_checks.SAMPLE_SECONDS
) -> tuple[Check, ...]:
    """Make all checks; takes little more than ``sample_seconds``.

    Raises:
        EnvironmentLacks: No ``machine`` was given and the extension module is missing.
    """
    machine = machine or detect_machine()
    # First, while nothing that the checks start is running.
    watched = measure_checks.sample(machine, sample_seconds)
    return (
        *(build_checks.tool(name) for name in tool_table()),
        *(check(machine) for check in MACHINE_CHECKS),
        *(check(watched) for check in SAMPLE_CHECKS),
        *(check() for check in OTHER_CHECKS),
    )


def fit_to_build(checks: tuple[Check, ...]) -> bool:
    """Nothing that a build needs is missing."""
    return all(check.status != "missing" for check in checks)


def fit_to_measure(checks: tuple[Check, ...]) -> bool:
    """Nothing was found that spoils measurements."""
    return all(check.status != "warning" for check in checks)
