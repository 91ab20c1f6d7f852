"""Planning and building on their own, without measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, LlamabuildError
from llamabuild.interrupts import graceful_interrupts
from llamabuild.machine.detect import detect_machine
from llamabuild.model import resolve_model
from llamabuild.model.spec import FileModel, parse_model
from llamabuild.source import resolve_source
from llamabuild.store.locks import cache_in_use
from llamabuild.variants import load_catalogue
from llamabuild.variants.prebuilt import is_prebuilt

from .choose import choose_arms
from .inputs import check_request, default_source, run_model
from .make import Maker
from .prebuilt import is_prebuilt_arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.build import BuildEstimate
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .observer import Observer
    from .request import Request


def plan_variants(
    request: Request, observer: Observer
) -> tuple[tuple[BuildEstimate, ...], tuple[Arm, ...]]:
    """Return what would be built, and the arms that cannot run here."""
    maker, prepared, _ = _prepared(request, observer)
    named = request.model is not None and isinstance(parse_model(request.model), FileModel)
    if named and _any_trained(prepared):
        # Others may first have to be fetched or made: what they were trained on last counts.
        maker.model = resolve_model(request.model, on_progress=observer.note)
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
        maker, arms, baseline = _prepared(request, observer)
        _give_model(maker, arms, baseline, request, observer)
        return maker.make_all(arms, interrupts, build_missing=True)


def _give_model(
    maker: Maker, arms: Sequence[Arm], baseline: Variant, request: Request, observer: Observer
) -> None:
    """Let builds be trained, if any wants it; a model that cannot be had costs those alone."""
    if not _any_trained(arms):
        return
    try:
        maker.model = run_model(request.model, maker.sources.baseline, baseline, maker, observer)
    except LlamabuildError as error:
        maker.no_model = error


def _any_trained(arms: Sequence[Arm]) -> bool:
    wishes = [arm.variant.optimize for arm in arms if arm.variant and arm.status == "pending"]
    return any(wish.pgo or wish.bolt for wish in wishes)


def _prepared(request: Request, observer: Observer) -> tuple[Maker, tuple[Arm, ...], Variant]:
    machine = detect_machine()
    catalogue = load_catalogue(default_source(request), request.variants_dirs)
    choice = choose_arms(catalogue, machine.cpu, request)
    check_request(request, choice.arms)
    baseline = catalogue.get(choice.baseline)
    source = resolve_source(baseline.source, on_progress=observer.note)
    return Maker(source, machine.usable_threads, observer), choice.asked, baseline
