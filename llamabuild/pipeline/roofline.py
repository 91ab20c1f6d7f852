"""``roofline``: a model, the probes of its machine, and what variants reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench import choose_workloads
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.machine.detect import detect_machine
from llamabuild.model import resolve_model
from llamabuild.model.metadata import read_metadata
from llamabuild.report.material import load
from llamabuild.report.measured import measured_speeds, own_models
from llamabuild.report.portable import clean
from llamabuild.report.roofline_document import SCHEMA, RooflineDocument, RooflineModel
from llamabuild.roofline import MAKE_PROBES, roofline
from llamabuild.store.results import Results

from .kernels import run_kernels
from .kernels_request import KernelRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.report.material import Material
    from llamabuild.types.inputs import Model
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.machine import Machine

    from .kernels_observer import KernelObserver


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineRequest:
    """All wishes; None is chosen to suit."""

    model: str | None = None
    run: str | None = None
    """Run of variants whose shares are shown."""
    threads: int | None = None
    measure: bool = False
    """Make a quick set of probes if there are none."""
    command: tuple[str, ...] = ()


def make_roofline(
    request: RooflineRequest, observer: KernelObserver, on_progress: Callable[[str], None]
) -> RooflineDocument:
    """Return the bounds of a model and the shares that variants reached.

    Raises:
        BadInput: No such run or model.
        EnvironmentLacks: The machine has no probes yet, or the model can't be had.
    """
    here = detect_machine()
    material = _material(request, here)
    machine = material.run.machine if material and request.run else here
    most = len(machine.affinity)
    if request.threads is not None and request.threads > most:
        message = f"{request.threads} threads"
        raise BadInput(message, f"take 1 to {most}, the CPUs that could be used")
    kernel_run = _probes(request, machine, here, observer)
    notes = []
    if request.model is not None or material is None:
        model = resolve_model(request.model, on_progress=on_progress)
        if material is not None and material.run.model.sha256 != model.sha256:
            notes.append(f"run {material.run.id} is of another model: no shares are shown")
            material = None
    else:
        model = _with_traffic(material.run.model)
    run = material.run if material else None
    workloads = run.workloads if run else choose_workloads(model)
    measured = (
        measured_speeds(material.run, material.trials, material.document.variants)
        if material
        else ()
    )
    if request.threads is not None:
        measured = tuple(item for item in measured if item.threads == request.threads)
    threads = request.threads or (run.threads if run else machine.usable_threads)
    return RooflineDocument(
        schema=SCHEMA,
        machine=machine,
        model=RooflineModel(
            spec=clean(model.spec),
            name=clean(model.name),
            quantization=clean(model.quantization),
            bytes=model.size_bytes,
            sha256=model.sha256,
            traffic=model.traffic,
        ),
        run=run.id if run else "",
        roofline=roofline(
            kernel_run,
            model,
            workloads,
            threads=(threads,),
            measured=measured,
            others=own_models(run) if run else {},
        ),
        notes=tuple(notes),
    )


def _material(request: RooflineRequest, here: Machine) -> Material | None:
    """Return the run that was named, else the newest complete one of this machine."""
    if request.run is not None:
        return load(request.run)
    with Results.open() as results:
        mine = [
            run.id
            for run in results.runs()
            if run.machine.fingerprint == here.fingerprint and run.status == "done"
        ]
    return load(mine[-1]) if mine else None


def _probes(
    request: RooflineRequest, machine: Machine, here: Machine, observer: KernelObserver
) -> KernelRun:
    with Results.open() as results:
        found = results.limits_of(machine.fingerprint)
    if found is not None:
        return found
    if machine.fingerprint != here.fingerprint:
        message = f"there are no probes of the machine of run {request.run}"
        raise EnvironmentLacks(message, f"there, {MAKE_PROBES}")
    if not request.measure:
        message = "the limits of this machine were not measured yet"
        raise EnvironmentLacks(message, f"{MAKE_PROBES}, or add --measure")
    wish = KernelRequest(
        quick=True,
        kernels=False,
        threads=tuple(sorted({1, request.threads or here.usable_threads})),
        command=request.command,
    )
    return run_kernels(wish, observer)


def _with_traffic(model: Model) -> Model:
    """Return the model with what a token costs, read anew if the run is older than that."""
    path = Path(model.path)
    if model.traffic is not None or not path.is_file():
        return model
    if path.stat().st_size != model.size_bytes:
        return model
    return msgspec.structs.replace(model, traffic=read_metadata(path).traffic)
