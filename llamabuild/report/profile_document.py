"""The JSON document of ``profile --json``, safe to publish: no folder of the machine is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.assemble_variant import model_info, source_info
from llamabuild.report.document import ModelInfo, SourceInfo
from llamabuild.report.portable import clean, clean_value
from llamabuild.types.base import Data
from llamabuild.types.machine import Machine
from llamabuild.types.profile import WorkloadProfile

if TYPE_CHECKING:
    from llamabuild.types.profile import ProfileRun

SCHEMA = "llamabuild.profile/1"


class ProfileRunInfo(Data, frozen=True):
    """When and how the profile was made. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    status: str
    """``done``, ``interrupted``, ``failed`` or ``running``."""
    command: tuple[str, ...]
    version: str
    """Version of llamabuild."""
    threads: int


class ProfileDocument(Data, frozen=True):
    """A whole run of ``profile``."""

    schema: str
    run: ProfileRunInfo
    machine: Machine
    source: SourceInfo
    model: ModelInfo
    variant: str
    build_id: str
    kernel_run: str
    """Whose probes the roofline is made of; empty without any."""
    workloads: tuple[WorkloadProfile, ...]
    notes: tuple[str, ...]
    """What could not be had here, with the remedy."""


def profile_document(run: ProfileRun) -> ProfileDocument:
    """Return a stored run as the document."""
    return ProfileDocument(
        schema=SCHEMA,
        run=ProfileRunInfo(
            id=run.id,
            started=run.started,
            finished=run.finished,
            status=run.status,
            command=tuple(clean(word) for word in run.command),
            version=run.version,
            threads=run.threads,
        ),
        machine=run.machine,
        source=source_info(run.source),
        model=model_info(run.model),
        variant=clean(run.variant),
        build_id=run.build_id,
        kernel_run=run.kernel_run,
        workloads=tuple(_cleaned(found) for found in run.workloads),
        notes=tuple(clean(note) for note in run.notes),
    )


def load_profile(run_id: str) -> ProfileDocument:
    """Read a run of ``profile`` from the store.

    Raises:
        BadInput: There is no such run.
    """
    from llamabuild.store.results import Results  # noqa: PLC0415 - the document needs no store

    with Results.open() as results:
        return profile_document(results.profile_run(run_id))


def _cleaned(found: WorkloadProfile) -> WorkloadProfile:
    """Return the workload without folders: symbols, reasons and instructions come from outside."""
    plain = clean_value(msgspec.to_builtins(found))
    return msgspec.convert(plain, WorkloadProfile)
