"""``lab`` from beginning to end: a plan that fits the budget, its parts one by one, the record."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild import __version__
from llamabuild.errors import (
    BadInput,
    EnvironmentLacks,
    Interrupted,
    LlamabuildError,
    MeasurementRunning,
    did_you_mean,
)
from llamabuild.interrupts import Terminated
from llamabuild.lab import allowance, least_seconds, parts, reach
from llamabuild.lab.parts import ALWAYS, BASELINE, REAL
from llamabuild.machine.detect import detect_machine
from llamabuild.model import expected_model
from llamabuild.source import resolve_source
from llamabuild.store.locks import cache_in_use
from llamabuild.store.results import Results
from llamabuild.types.base import Data
from llamabuild.types.lab import DONE, FAILED, LEFT_OUT, PENDING, Lab, LabPart
from llamabuild.variants import load_catalogue, unsupported_reason
from llamabuild.variants.prebuilt import is_prebuilt

from .fitting import check_model_fits
from .inputs import default_source, run_model
from .lab_parts import Bench, did, too_little
from .make import Maker
from .request import Request

if TYPE_CHECKING:
    from collections.abc import Collection

    from llamabuild.types.inputs import Model
    from llamabuild.types.machine import Machine

    from .kernels_observer import KernelObserver
    from .observer import Observer

MODELS = ("synthetic:tinyllama-1.1b:Q4_K_M", None)
"""Taken when none is named: one that memory holds back, as large models are, and one whose words
mean something."""
RANDOM = "the weights of every model here are random: name one that was trained with --model"
SAME = "'quantization' measures it: both run on the same model"
STOPS = (Interrupted, MeasurementRunning)
"""Errors that end a lab; others end a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWishes:
    """What the user asks for."""

    models: tuple[str, ...] = ()
    source: str | None = None
    base: str = "native"
    target: float = 1.3
    goal: str = "both"
    """Of the challenge, as ``optimize`` has it."""
    budget_seconds: float = 3600.0
    without: tuple[str, ...] = ()
    """Names of parts."""
    seed: int | None = None
    variants_dirs: tuple[Path, ...] | None = None
    command: tuple[str, ...] = ()


def run_lab(wishes: LabWishes, observer: Observer, kernels: KernelObserver) -> Lab:
    """Do all parts that the budget reaches for, and return the stored record.

    Raises:
        LlamabuildError: Bad input, a baseline that can't be measured, another measurement on this
            machine, or Ctrl-C; what was finished until then is stored.
    """
    began = time.monotonic()
    lab = _begun(wishes, observer, may_build=True)
    return _go(lab, Bench(lab, observer, kernels, wishes.variants_dirs), began, lab.budget_seconds)


class Outlook(Data, frozen=True, kw_only=True):
    """One part as it would be done."""

    name: str
    title: str
    model: str
    least_seconds: float
    seconds: float
    """Its share of the budget, at the beginning; 0 where it is left out."""
    reason: str
    """Why it is."""


def outlook(wishes: LabWishes, observer: Observer) -> tuple[Outlook, ...]:
    """Return all parts, without building or measuring anything.

    Raises:
        LlamabuildError: The wishes are wrong, or something is missing.
    """
    lab = _begun(wishes, observer, may_build=False)
    bench = Bench(lab)
    ahead = {p.name: bench.parts[p.name] for p in lab.parts if p.status == PENDING}
    paces = bench.paces()
    rows = []
    for each in lab.parts:
        part = bench.parts[each.name]
        model = bench.model(part)
        mine = each.name in ahead
        rows.append(
            Outlook(
                name=each.name,
                title=part.title,
                model=model.name if model else "",
                least_seconds=least_seconds(part, bench.pace(model)),
                seconds=allowance(each.name, lab.budget_seconds, ahead, paces) if mine else 0.0,
                reason=each.reason,
            )
        )
    return tuple(rows)


def resume_lab(
    lab_id: str,
    observer: Observer,
    kernels: KernelObserver,
    variants_dirs: tuple[Path, ...] | None = None,
) -> Lab:
    """Go on with a stored lab, on the machine that it belongs to; failed parts are tried again.

    What is left of its budget is theirs; failed ones get at least what they take to say anything.

    Raises:
        BadInput: It is complete, or of another machine.
        LlamabuildError: As :func:`run_lab`.
    """
    began = time.monotonic()
    with Results.open() as results:
        lab = results.lab(lab_id)
    again = [part for part in lab.parts if part.status in {PENDING, FAILED}]
    if not again:
        message = f"lab {lab.id} is complete"
        raise BadInput(message, f"'python -m llamabuild lab --show {lab.id}' shows it")
    if detect_machine().fingerprint != lab.machine.fingerprint:
        message = f"lab {lab.id} was begun on another machine"
        raise BadInput(message, "begin a new one here")
    bench = Bench(lab, observer, kernels, variants_dirs)
    retried = {part.name for part in again if part.status == FAILED}
    own = [bench.parts[name] for name in retried]
    needed = sum(least_seconds(part, bench.pace(bench.model(part))) for part in own)
    budget = max(lab.budget_seconds, lab.spent_seconds + needed)
    return _go(lab, bench, began, budget, retried)


def _begun(wishes: LabWishes, observer: Observer, *, may_build: bool) -> Lab:
    machine = detect_machine()
    _check(wishes)
    models = _models(wishes, machine, observer, may_build=may_build)
    started = datetime.now(UTC)
    lab = Lab(
        id=f"l{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=started.isoformat(timespec="seconds"),
        finished="",
        status="running",
        command=wishes.command,
        version=__version__,
        machine=machine,
        models=models,
        source=wishes.source or "",
        base=wishes.base,
        target=wishes.target,
        goal=wishes.goal,
        budget_seconds=wishes.budget_seconds,
        seed=secrets.randbits(31) if wishes.seed is None else wishes.seed,
        parts=(),
    )
    return msgspec.structs.replace(lab, parts=_planned(lab, wishes.without))


def _check(wishes: LabWishes) -> None:
    if wrong := [name for name in wishes.without if name not in parts()]:
        message = f"a lab has no part '{wrong[0]}'"
        raise BadInput(message, did_you_mean(wrong[0], parts()) or f"known: {', '.join(parts())}")
    if needed := [name for name in wishes.without if parts()[name].rank <= ALWAYS]:
        message = f"a lab without '{needed[0]}' is none"
        raise BadInput(message, "'sweep', 'profile' and 'optimize' do its parts one by one")
    if is_prebuilt(wishes.base):
        message = f"'{wishes.base}' is built already and cannot be built otherwise"
        raise BadInput(message, "start from a variant, such as --from native")
    if wishes.target <= 1:
        message = f"a target of {wishes.target:g} is no gain"
        raise BadInput(message, "name a ratio above 1, such as --target 1.3")


def _models(
    wishes: LabWishes, machine: Machine, observer: Observer, *, may_build: bool
) -> tuple[Model, ...]:
    request = Request(sources=(wishes.source,) if wishes.source else ())
    catalogue = load_catalogue(default_source(request), wishes.variants_dirs)
    base = catalogue.get(wishes.base)
    if reason := unsupported_reason(base, machine.cpu):
        message = f"the baseline '{wishes.base}' cannot run here: {reason}"
        raise BadInput(message, "choose another with --from")
    with cache_in_use():
        source = resolve_source(base.source, on_progress=observer.note)
        maker = Maker(source, machine.usable_threads, observer)
        models = [
            run_model(spec, source, base, maker, observer)
            if may_build
            else expected_model(spec, vocabulary_tree=Path(source.tree), on_progress=observer.note)
            for spec in wishes.models or MODELS
        ]
    for model in models:
        check_model_fits(model, machine.memory_bytes)
    return tuple(models)


def _planned(lab: Lab, without: tuple[str, ...]) -> tuple[LabPart, ...]:
    """Return every part: those that won't be done say why."""
    why = dict.fromkeys(without, "not asked for")
    if all(model.synthetic for model in lab.models):
        why |= {name: RANDOM for name, part in parts().items() if part.model == REAL}
    bench = Bench(lab)
    same = bench.model(bench.parts["formats"]) == bench.model(bench.parts["quantization"])
    if same and "quantization" not in why:
        why.setdefault("formats", SAME)
    wanted = {name: part for name, part in bench.parts.items() if name not in why}
    kept = reach(wanted, lab.budget_seconds, bench.paces())
    why |= {name: _short(lab) for name in wanted if name not in kept}
    return tuple(
        LabPart(name=name, status=LEFT_OUT if name in why else PENDING, reason=why.get(name, ""))
        for name in parts()
    )


def _short(lab: Lab) -> str:
    return f"a budget of {lab.budget_seconds / 60:.0f} min doesn't reach for it"


def _planned_again(lab: Lab, bench: Bench, left_seconds: float) -> Lab:
    """Return the lab with what the rest of its time reaches for, now that its pace is known."""
    short = _short(lab)
    free = {p.name: p for p in lab.parts if p.status == PENDING or p.reason == short}
    wanted = {name: bench.parts[name] for name in free}
    try:
        kept = reach(wanted, left_seconds, bench.paces())
    except BadInput:
        return lab  # it goes on as it was planned, and each part says what it lacks
    for name in free:
        status, reason = (PENDING, "") if name in kept else (LEFT_OUT, short)
        lab = _with(lab, LabPart(name=name, status=status, reason=reason), lab.spent_seconds)
    return lab


def _go(
    lab: Lab, bench: Bench, began: float, budget_seconds: float, retried: Collection[str] = ()
) -> Lab:
    """Do what is pending; the record is stored after each part and however it ends.

    Parts that are tried once more stay failed in it until they have been.
    """
    waiting = set(retried)
    before = lab.spent_seconds
    latest = msgspec.structs.replace(lab, status="running", finished="")

    def spent() -> float:
        return before + time.monotonic() - began

    _store(latest)
    try:
        while ahead := {
            p.name: bench.parts[p.name]
            for p in latest.parts
            if p.status == PENDING or p.name in waiting
        }:
            name, part = next(iter(ahead.items()))
            begun = sum(part.status != LEFT_OUT for part in latest.parts)
            left = budget_seconds - spent()
            seconds = allowance(name, left, ahead, bench.paces())
            done = _part(bench, name, seconds, (begun - len(ahead) + 1, begun))
            waiting.discard(name)
            latest = _with(latest, done, spent())
            left = budget_seconds - spent()
            if part.kind == BASELINE:
                _need(done)
                latest = _planned_again(latest, bench, left)
            _store(latest)
            bench.observer.part_finished(part.title, done, left)
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, Terminated, *STOPS))
        _close(latest, "interrupted" if stopped else "failed", spent())
        remedy = f"'python -m llamabuild lab --resume {lab.id}' goes on"
        if isinstance(error, Interrupted):
            raise Interrupted(error.message, remedy) from None
        bench.observer.note(remedy)
        raise
    return _close(latest, "done", spent())


def _part(bench: Bench, name: str, seconds: float, count: tuple[int, int]) -> LabPart:
    """Do one part; what goes wrong is its reason, and the next one goes on."""
    part, began = bench.parts[name], time.monotonic()
    bench.observer.part_started(part.title, *count, seconds)
    if reason := too_little(bench, part, seconds):
        return LabPart(name=name, status=LEFT_OUT, reason=reason)
    model = bench.model(part)
    try:
        run, reason = did(bench, name, seconds)
    except STOPS:
        raise
    except LlamabuildError as error:
        run, reason = "", str(error)
    return LabPart(
        name=name,
        status=DONE if run else FAILED,
        run=run,
        reason=reason,
        model=model.name if model else "",
        seconds=time.monotonic() - began,
    )


def _need(done: LabPart) -> None:
    """Without a baseline there is nothing to compare with: the rest would fail likewise."""
    if done.status == FAILED:
        message = f"the baseline could not be measured: {done.reason}"
        raise EnvironmentLacks(message)


def _with(lab: Lab, part: LabPart, spent_seconds: float) -> Lab:
    changed = tuple(part if each.name == part.name else each for each in lab.parts)
    return msgspec.structs.replace(lab, parts=changed, spent_seconds=spent_seconds)


def _close(lab: Lab, status: str, spent_seconds: float) -> Lab:
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    closed = msgspec.structs.replace(
        lab, status=status, finished=finished, spent_seconds=spent_seconds
    )
    _store(closed)
    return closed


def _store(lab: Lab) -> None:
    with Results.open() as results:
        results.save_lab(lab)
