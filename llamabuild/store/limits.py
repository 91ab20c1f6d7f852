"""Which of several runs of ``kernels`` says what a machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import KernelRun

RUNS = 5
"""Newest ones that are compared."""
ARITHMETIC = "int8"
LEAST = 0.8
"""Of the fastest arithmetic among them, which hardly differs from run to run: less says that others
had the CPUs meanwhile. Bandwidth does differ, with what else reads memory on the same host, so that
the newest figure is the one that goes with the newest trials."""


def newest_undisturbed(runs: Sequence[KernelRun]) -> KernelRun | None:
    """Return the newest run whose arithmetic was as fast as that of the others, or None.

    Args:
        runs: Newest first, all with probes; those with other numbers of threads than the newest
            are passed over.
    """
    threads = [{probe.threads for probe in run.probes} for run in runs]
    alike = [run for run, own in zip(runs, threads, strict=True) if own == threads[0]]
    fastest = max(map(_arithmetic, alike), default=0.0)
    return next((run for run in alike if _arithmetic(run) >= LEAST * fastest), None)


def _arithmetic(run: KernelRun) -> float:
    return max((probe.value for probe in run.probes if probe.name == ARITHMETIC), default=0.0)
