"""``optimize`` from beginning to end: a record, its stages as runs, and what carries the result."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from llamabuild import __version__
from llamabuild.bench import choose_workloads
from llamabuild.errors import BadInput, Interrupted
from llamabuild.interrupts import Terminated
from llamabuild.machine.detect import detect_machine
from llamabuild.machine.mask import thread_mask
from llamabuild.model import resolve_model
from llamabuild.optimize.engine import run_stages
from llamabuild.optimize.estimate import Costs
from llamabuild.optimize.facts import layout
from llamabuild.optimize.levers import Situation
from llamabuild.optimize.log import log_of
from llamabuild.optimize.survey import check_budget, survey, surveyed
from llamabuild.source import resolve_source
from llamabuild.store.locks import cache_in_use
from llamabuild.store.results import Results
from llamabuild.types.optimization import CONFIRM, Optimization
from llamabuild.variants import load_catalogue, unsupported_reason
from llamabuild.variants.prebuilt import is_prebuilt

from .fitting import check_model_fits
from .inputs import default_source, refuse_program, run_model
from .make import Maker
from .optimize_deploy import deployment_of
from .optimize_lab import Place, RunLab, trial_seconds
from .request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.optimize.survey import Survey
    from llamabuild.types.inputs import Model
    from llamabuild.types.machine import Machine

    from .observer import Observer

PROMPT = "pp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asks for."""

    base: str = "native"
    goal: str = "both"
    target: float = 1.3
    budget_seconds: float = 1800.0
    kv_quality: float | None = None
    weights_quality: float | None = None
    model: str | None = None
    source: str | None = None
    workloads: tuple[str, ...] = ()
    threads: int | None = None
    seed: int | None = None
    variants_dirs: tuple[Path, ...] | None = None
    command: tuple[str, ...] = ()
    part_of: str = ""
    """Lab and part that it is made for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new record with the lab that can measure it."""

    record: Optimization
    lab: RunLab
    survey: Survey


def outlook(wishes: Wishes, observer: Observer) -> Prepared:
    """Return what would be done, without building or measuring anything.

    Raises:
        LlamabuildError: The wishes are wrong, or something is missing.
    """
    return _prepared(wishes, observer, may_build=False)


def optimize(wishes: Wishes, observer: Observer) -> Optimization:
    """Search, confirm, and return the stored record.

    Raises:
        LlamabuildError: Bad input, a baseline that cannot be built, another measurement, or
            Ctrl-C; what was finished until then is stored.
    """
    prepared = _prepared(wishes, observer, may_build=True)
    check_budget(prepared.record, prepared.survey)
    return _run(prepared.record, prepared.lab, observer)


def resume(
    record_id: str, observer: Observer, variants_dirs: tuple[Path, ...] | None = None
) -> Optimization:
    """Go on with a stored optimization, on the machine that it belongs to.

    Raises:
        BadInput: It is complete, of another machine, or its source or model has changed.
        LlamabuildError: As :func:`optimize`.
    """
    with Results.open() as results:
        record = results.optimization(record_id)
    if record.status == "done":
        message = f"optimization {record.id} is complete"
        raise BadInput(message, f"'python -m llamabuild report {record.id}' shows it")
    machine = detect_machine()
    if machine.fingerprint != record.machine.fingerprint:
        message = f"optimization {record.id} was begun on another machine"
        raise BadInput(message, "begin a new one here")
    source = resolve_source(record.source.spec, on_progress=observer.note)
    model = resolve_model(record.model.spec, on_progress=observer.note)
    if (source.digest, model.sha256) != (record.source.digest, record.model.sha256):
        message = f"source or model has changed since optimization {record.id} was begun"
        raise BadInput(message, "begin a new one")
    maker = Maker(source, machine.usable_threads, observer, model=model)
    return _run(record, _lab(record, machine, maker, variants_dirs, observer), observer)


def _prepared(wishes: Wishes, observer: Observer, *, may_build: bool) -> Prepared:
    began = time.monotonic()
    machine = detect_machine()
    _check(wishes)
    request = Request(sources=(wishes.source,) if wishes.source else ())
    catalogue = load_catalogue(default_source(request), wishes.variants_dirs)
    base = catalogue.get(wishes.base)
    refuse_program(base, "optimize")
    if reason := unsupported_reason(base, machine.cpu):
        message = f"the baseline '{wishes.base}' cannot run here: {reason}"
        raise BadInput(message, "choose another with --from")
    if base.runtime.quantization:
        message = f"'{wishes.base}': formats of the model are not searched"
        raise BadInput(message, "name a model that has this format with --model")
    with cache_in_use():
        source = resolve_source(base.source, on_progress=observer.note)
        maker = Maker(source, machine.usable_threads, observer)
        if may_build:
            model = run_model(wishes.model, source, base, maker, observer)
        else:
            model = resolve_model(wishes.model, on_progress=observer.note)
        check_model_fits(model, machine.memory_bytes)
        maker.model = model
        record = _new_record(wishes, machine, maker, model)
        lab = _lab(record, machine, maker, wishes.variants_dirs, observer)
        found = survey(record, _situation(record), lab)
    spent = time.monotonic() - began
    record = msgspec.structs.replace(surveyed(record, found), spent_seconds=spent)
    return Prepared(record, lab, found)


def _check(wishes: Wishes) -> None:
    if wishes.goal not in layout().goals:
        message = f"unknown goal '{wishes.goal}'"
        raise BadInput(message, f"known: {', '.join(layout().goals)}")
    if wishes.target <= 1:
        message = f"a target of {wishes.target:g} is no gain"
        raise BadInput(message, "name a ratio above 1, such as --target 1.3")
    if is_prebuilt(wishes.base):
        message = f"'{wishes.base}' is built already and cannot be built otherwise"
        raise BadInput(message, "start from a variant, such as --from native")


def _new_record(wishes: Wishes, machine: Machine, maker: Maker, model: Model) -> Optimization:
    started = datetime.now(UTC)
    threads = wishes.threads or machine.usable_threads
    costs = Costs.guessed(model.size_bytes)
    return Optimization(
        id=f"o{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=started.isoformat(timespec="seconds"),
        finished="",
        status="running",
        command=wishes.command,
        version=__version__,
        machine=machine,
        source=maker.sources.baseline,
        model=model,
        base=wishes.base,
        threads=threads,
        workloads=choose_workloads(model, wishes.workloads),
        goal=wishes.goal,
        target=wishes.target,
        budget_seconds=wishes.budget_seconds,
        seed=secrets.randbits(32) if wishes.seed is None else wishes.seed,
        kv_quality=wishes.kv_quality,
        weights_quality=wishes.weights_quality,
        trial_seconds=_seen_here(machine, model, threads) or costs.trial,
        check_seconds=costs.check,
        part_of=wishes.part_of,
    )


def _seen_here(machine: Machine, model: Model, threads: int) -> float:
    """Return the mean trial of the newest complete run of this model on this machine, or 0."""
    with Results.open() as results:
        run = results.run_like(machine.fingerprint, model.sha256, threads)
        return trial_seconds(results.trials(run.id)) if run else 0.0


def _situation(record: Optimization) -> Situation:
    machine, traffic = record.machine, record.model.traffic
    return Situation(
        machine=machine,
        base=record.base,
        goal=record.goal,
        threads=record.threads,
        prompt_tokens=max((w.tokens for w in record.workloads if w.kind == PROMPT), default=0),
        kv_quality=record.kv_quality,
        weights_quality=record.weights_quality,
        mask=thread_mask(machine.affinity, record.threads, machine.cpu.logical_cpus),
        types=frozenset(traffic.operations_per_token) if traffic else frozenset(),
        quantization=record.model.quantization,
        random_weights=record.model.synthetic,
    )


def _lab(
    record: Optimization,
    machine: Machine,
    maker: Maker,
    variants_dirs: tuple[Path, ...] | None,
    observer: Observer,
) -> RunLab:
    request = Request(
        baseline=record.base,
        sources=(record.source.spec,),
        model=record.model.spec,
        threads=record.threads,
        variants_dirs=variants_dirs,
        command=record.command,
    )
    place = Place(
        catalogue=load_catalogue(record.source.spec, variants_dirs),
        cpu=machine.cpu,
        maker=maker,
        request=request,
        observer=observer,
        jobs=machine.usable_threads,
    )
    return RunLab(record, place)


def _run(record: Optimization, lab: RunLab, observer: Observer) -> Optimization:
    """Do what is missing; the record is stored after each stage and however it ends."""
    before, began = record.spent_seconds, lab.clock()
    latest = msgspec.structs.replace(record, status="running", finished="")

    def save(changed: Optimization) -> None:
        nonlocal latest
        new_stage = len(changed.stages) > len(latest.stages)
        latest = changed
        _store(latest)
        if new_stage:
            observer.stage(latest)

    save(latest)
    observer.stage(latest)
    try:
        done = run_stages(latest, lab, save)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | Interrupted | Terminated)
        spent = before + lab.clock() - began
        _close(latest, "interrupted" if stopped else "failed", spent_seconds=spent)
        if not isinstance(error, Interrupted):  # that one says so itself
            observer.note(f"'python -m llamabuild optimize --resume {record.id}' goes on")
        raise
    return _close(done, "done", **_result(done, lab))


def _result(record: Optimization, lab: RunLab) -> dict[str, object]:
    """What belongs to a complete record: peak memory, and what carries the result."""
    parts = log_of(record).parts
    name = lab.name(parts)
    peaks: dict[str, int | None] = {}
    confirmed = [stage for stage in record.stages if stage.name.startswith(CONFIRM)]
    if confirmed:
        with Results.open() as results:
            trials = results.trials(confirmed[-1].measurement.run)
        for arm in dict.fromkeys((record.base, name)):
            known = [
                trial.state.peak_rss_bytes
                for trial in trials
                if trial.arm == arm and trial.state and trial.state.peak_rss_bytes
            ]
            peaks[arm] = max(known, default=None)
    variant, plan = lab.planned(parts)
    deployment = deployment_of(variant, plan, lab.source(variant), record.threads)
    return {"peak_bytes": peaks, "deployment": deployment}


def _close(record: Optimization, status: str, **changes: object) -> Optimization:
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    closed = msgspec.structs.replace(record, status=status, finished=finished, **changes)
    _store(closed)
    return closed


def _store(record: Optimization) -> None:
    with Results.open() as results:
        results.save_optimization(record)
