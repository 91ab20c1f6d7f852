"""Planning and building on their own, without measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, LlamabuildError
from llamabuild.interrupts import graceful_interrupts
from llamabuild.machine.detect import detect_machine
from llamabuild.model import resolve_model
from llamabuild.source import resolve_source
from llamabuild.store.locks import cache_in_use
from llamabuild.variants import load_catalogue
from llamabuild.variants.prebuilt import is_prebuilt

from .choose import choose_arms
from .inputs import check_request, default_source
from .make import Maker
from .prebuilt import is_prebuilt_arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.build import BuildEstimate
    from llamabuild.types.run import Arm

    from .observer import Observer
    from .request import Request


def plan_variants(
    request: Request, observer: Observer
) -> tuple[tuple[BuildEstimate, ...], tuple[Arm, ...]]:
    """Return what would be built, and the arms that cannot run here."""
    maker, prepared = _prepared(request, observer)
    built = [arm for arm in prepared if not is_prebuilt_arm(arm)]
    # One that lacks a tool is left out with its reason; the others go on.
    arms = [maker.planned(arm) if arm.status == "pending" else arm for arm in built]
    variants = [arm.variant for arm in arms if arm.status == "pending" and arm.variant]
    left_out = tuple(arm for arm in arms if arm.status != "pending")
    return maker.estimates(variants), left_out


def build_variants(request: Request, observer: Observer) -> tuple[Arm, ...]:
    """Build the named variants, by default all that this machine can run.

    Raises:
        BadInput: A prebuilt program is among the names.
        LlamabuildError: As the catalogue, the source and the planning.
    """
    if prebuilt := [name for name in request.names if is_prebuilt(name)]:
        message = f"there is nothing to build for '{prebuilt[0]}'"
        raise BadInput(message, "'variants' measures it")
    waiting = "waiting until the cache is cleaned"
    with (
        cache_in_use(lambda: observer.note(waiting)),
        graceful_interrupts(observer.stopping) as interrupts,
    ):
        maker, arms = _prepared(request, observer)
        _give_model(maker, arms, request.model, observer)
        return maker.make_all(arms, interrupts, build_missing=True)


def _give_model(maker: Maker, arms: Sequence[Arm], spec: str | None, observer: Observer) -> None:
    """Let builds be trained, if any wants it; a model that cannot be had costs those alone."""
    wishes = [arm.variant.optimize for arm in arms if arm.variant and arm.status == "pending"]
    if not any(wish.pgo or wish.bolt for wish in wishes):
        return
    try:
        maker.model = resolve_model(spec, on_progress=observer.note)
    except LlamabuildError as error:
        maker.no_model = error


def _prepared(request: Request, observer: Observer) -> tuple[Maker, tuple[Arm, ...]]:
    machine = detect_machine()
    catalogue = load_catalogue(default_source(request), request.variants_dirs)
    choice = choose_arms(catalogue, machine.cpu, request)
    check_request(request)
    source = resolve_source(catalogue.get(choice.baseline).source, on_progress=observer.note)
    return Maker(source, machine.usable_threads, observer), choice.asked
