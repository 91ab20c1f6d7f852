"""Prebuilt arms: into the store, inspected, and held against this CPU before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.build.prebuilt import import_prebuilt
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.inspect import inspect_file
from llamabuild.inspect.ggml_features import cpu_fit
from llamabuild.store.builds import load_build
from llamabuild.types.run import Equivalence
from llamabuild.variants.prebuilt import KIND, prebuilt_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from llamabuild.build.prebuilt import Imported
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.build import Build
    from llamabuild.types.inspection import Inspection
    from llamabuild.types.machine import Cpu
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .observer import Observer


def is_prebuilt_arm(arm: Arm) -> bool:
    """Tell whether nothing is to be built for an arm."""
    return arm.variant is not None and arm.variant.kind == KIND


def import_all(
    arms: Sequence[Arm], baseline: str, cpu: Cpu, observer: Observer, interrupts: Interrupts
) -> tuple[Arm, ...]:
    """Return the arms, pending prebuilt ones with their build, or the reason why there is none.

    Raises:
        Interrupted: Someone asked to stop.
    """
    host = next((arm.build for arm in arms if arm.name == baseline), None)
    done = []
    for arm in arms:
        if arm.status == "pending" and is_prebuilt_arm(arm):
            interrupts.check()
            done.append(_imported(arm, cpu, host))
            observer.build_finished(done[-1])
        else:
            done.append(arm)
    return tuple(done)


def settled(arm: Arm, found: Equivalence) -> Equivalence:
    """Return the verdict on an arm's output, given what its llama-perplexity said.

    That of a prebuilt program may be older than the options that we use, or ours and not quite
    fit for its libraries: when it computes nothing, nothing is known about the program itself.
    Not so when it computes NaN.
    """
    if arm.prebuilt is None or found.tokens or found.mean_kl_divergence is not None:
        return found
    return Equivalence(verdict="not checked", reason=f"its llama-perplexity {found.reason}")


def _import(
    variant: Variant, cpu: Cpu, host: Build | None, examine: Callable[[Sequence[Path]], str]
) -> Imported:
    """As :func:`import_prebuilt`, for which a path that cannot be read is bad input."""
    try:
        return import_prebuilt(variant, cpu, host, examine)
    except OSError as error:
        message = f"'{prebuilt_path(variant).name}' cannot be taken ({error.strerror or error})"
        raise BadInput(message, "name a file or folder that you may read") from error


def _imported(arm: Arm, cpu: Cpu, host: Build | None) -> Arm:
    assert arm.variant is not None
    if arm.build is not None and load_build(arm.build.id, full=True) is not None:
        return msgspec.structs.replace(arm, build_cached=True)  # resumed: the same bytes
    inspections: list[Inspection] = []

    def examine(paths: Sequence[Path]) -> str:
        inspections.extend(found for path in paths for found in inspect_file(path))
        fit = cpu_fit(inspections, cpu)
        if not fit.lacking:
            return ""
        return f"uses {', '.join(fit.lacking)} (in {fit.where}), which this CPU lacks"

    try:
        found = _import(arm.variant, cpu, host, examine)
        if arm.build is not None and arm.build.id != found.build.id:
            message = f"{arm.name} has changed since the run was begun"
            raise BadInput(message, "begin a new run")  # noqa: TRY301 - one way to a row
    except (BadInput, EnvironmentLacks) as error:
        wrong = isinstance(error, BadInput)
        return msgspec.structs.replace(
            arm,
            status="bad variant" if wrong else "unsupported",
            reason=str(error),
            # Of what is no llama-bench nobody wants to know the instructions.
            inspections=() if wrong else tuple(inspections),
        )
    return msgspec.structs.replace(
        arm,
        build=found.build,
        build_cached=found.cached,
        inspections=tuple(inspections),
        prebuilt=msgspec.structs.replace(found.prebuilt, missing=cpu_fit(inspections, cpu).missing),
        equivalence=Equivalence(verdict="not checked", reason=found.unchecked),
    )
