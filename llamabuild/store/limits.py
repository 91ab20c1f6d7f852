"""Which of several runs of ``kernels`` says best what a machine can do."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import KernelRun, Probe

RUNS = 5
"""Newest ones that are compared."""


def least_disturbed(runs: Sequence[KernelRun]) -> KernelRun | None:
    """Return the run whose probes reached most, of those with the newest's numbers of threads.

    What disturbs a probe only lowers it. One run is taken whole, so that its id names all figures.

    Args:
        runs: Newest first, all with probes.
    """
    threads = [{probe.threads for probe in run.probes} for run in runs]
    alike = [run for run, own in zip(runs, threads, strict=True) if own == threads[0]]
    return max(alike, key=lambda run: _reached(run.probes), default=None)


def _reached(probes: Sequence[Probe]) -> float:
    """The product of the limits that bound a model: arithmetic, and reading memory."""
    limits = [
        [probe.value for probe in probes if probe.name == "int8"],
        [probe.value for probe in probes if (probe.name, probe.residence) == ("read", "memory")],
    ]
    return prod(max(values) for values in limits if values)
