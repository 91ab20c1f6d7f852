"""The JSON document of ``kernels --json``.

Everything in it is safe to publish: no folder of the machine it was made on, no NaN and no
infinity. Numbers that could not be had are null, with the reason beside them or in ``notes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.types.base import Data
from llamabuild.types.kernels import Clock, GgmlLibrary, KernelResult, Probe
from llamabuild.types.machine import Machine

if TYPE_CHECKING:
    from llamabuild.types.kernels import KernelRun

SCHEMA = "llamabuild.kernels/1"


class KernelRunInfo(Data, frozen=True):
    """When and how the run was made. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    status: str
    """``done``, ``interrupted``, ``failed`` or ``running``."""
    command: tuple[str, ...]
    version: str
    """Version of llamabuild."""
    quick: bool
    seed: int
    """Of the order within rounds."""
    rounds: int
    """Samples of each kernel, at most."""
    level: float
    """Of each interval by itself, such as 0.95; there is no correction for all of them together."""
    threads: tuple[int, ...]


class KernelsDocument(Data, frozen=True):
    """A whole run of ``kernels``."""

    schema: str
    run: KernelRunInfo
    machine: Machine
    clock_hz: float | None
    clock: Clock | None
    libraries: tuple[GgmlLibrary, ...]
    """Whose kernels ran beside ours."""
    probes: tuple[Probe, ...]
    kernels: tuple[KernelResult, ...]
    notes: tuple[str, ...]
    """What was left out or done otherwise, with the reason."""


def kernels_document(run: KernelRun) -> KernelsDocument:
    """Return a stored run as the document."""
    return KernelsDocument(
        schema=SCHEMA,
        run=KernelRunInfo(
            id=run.id,
            started=run.started,
            finished=run.finished,
            status=run.status,
            command=run.command,
            version=run.version,
            quick=run.quick,
            seed=run.seed,
            rounds=run.rounds,
            level=run.level,
            threads=run.threads,
        ),
        machine=run.machine,
        clock_hz=run.clock.hz if run.clock else None,
        clock=run.clock,
        libraries=run.libraries,
        probes=run.probes,
        kernels=run.kernels,
        notes=run.notes,
    )
