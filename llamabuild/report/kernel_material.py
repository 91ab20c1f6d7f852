"""A run of ``kernels`` loaded from the store: all that a rendering of it may use."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.kernels_document import kernels_document
from llamabuild.report.portable import clean
from llamabuild.types.kernels import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.report.kernels_document import KernelsDocument
    from llamabuild.roofline import Roofline
    from llamabuild.types.kernels import KernelResult, KernelRun

RESIDENCES = ("L1", "L2", "L3", "memory")


@dataclass(frozen=True, slots=True)
class Duel:
    """The fastest of our kernels and the fastest of ggml's, of one format in one place."""

    format: str
    columns: int
    residence: str
    threads: int
    ours: KernelResult | None
    ggml: KernelResult | None


@dataclass(frozen=True, slots=True)
class KernelMaterial:
    """What every format and section of the report of a kernel run is made from."""

    run: KernelRun
    document: KernelsDocument
    duels: tuple[Duel, ...]
    variants_run: str
    """Id of the newest run of variants on this machine; empty without one."""
    variants: Roofline | None
    """Its roofline by the probes of its machine."""


def prepare_kernels(
    run: KernelRun, variants_run: str = "", variants: Roofline | None = None
) -> KernelMaterial:
    """Return the material of a run of ``kernels``."""
    run = _cleaned(run)
    return KernelMaterial(run, kernels_document(run), duels(run.kernels), variants_run, variants)


def load_kernels(run_id: str) -> KernelMaterial:
    """Read a run of ``kernels`` from the store, with the newest variants of its machine.

    Raises:
        BadInput: There is no such run.
    """
    from llamabuild.report.material import load  # noqa: PLC0415 - scipy is slow to load
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open() as results:
        run = results.kernel_run(run_id)
        fingerprint = run.machine.fingerprint
        theirs = [
            other.id
            for other in results.runs()
            if other.machine.fingerprint == fingerprint and other.status == "done"
        ]
    if not theirs:
        return prepare_kernels(run)
    return prepare_kernels(run, theirs[-1], load(theirs[-1]).document.roofline)


def duels(rows: Iterable[KernelResult]) -> tuple[Duel, ...]:
    """Return one duel for each format, number of columns, place and thread count."""
    timed = sorted((row for row in rows if row.ns_per_256 is not None), key=_group)
    found = []
    for (name, columns, place, threads), group in groupby(timed, key=_group):
        members = list(group)
        found.append(
            Duel(
                format=name,
                columns=columns,
                residence=RESIDENCES[place],
                threads=threads,
                ours=_fastest([row for row in members if row.by == OURS]),
                ggml=_fastest([row for row in members if row.by != OURS]),
            )
        )
    return tuple(found)


def _group(row: KernelResult) -> tuple[str, int, int, int]:
    place = RESIDENCES.index(row.residence) if row.residence in RESIDENCES else 0
    return row.format, row.columns, place, row.threads


def _fastest(rows: Sequence[KernelResult]) -> KernelResult | None:
    return min(rows, key=lambda row: row.ns_per_256 or 0.0, default=None)


def _cleaned(run: KernelRun) -> KernelRun:
    """Return the run without this machine's folders and without control characters."""
    replace = msgspec.structs.replace
    return replace(
        run,
        command=tuple(clean(argument) for argument in run.command),
        notes=tuple(clean(note) for note in run.notes),
        kernels=tuple(
            replace(r, reason=clean(r.reason), by=clean(r.by), function=clean(r.function))
            for r in run.kernels
        ),
        probes=tuple(replace(p, note=clean(p.note)) for p in run.probes),
    )
