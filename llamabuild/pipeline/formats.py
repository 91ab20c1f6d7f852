"""Arms that run the model in another format: each gets a file of its own, or the reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.model.formats import in_format

from .inputs import quantizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.interrupts import Interrupts
    from llamabuild.types.inputs import Model, Source
    from llamabuild.types.run import Arm, Run
    from llamabuild.types.variant import Variant

    from .make import Maker
    from .observer import Observer

TOOL = ("tools/quantize", "examples/quantize")
"""Where llama-quantize is in a tree, by age."""


def check_tool(source: Source, arms: Sequence[Arm]) -> None:
    """Refuse a tree that cannot make what an arm asks for, before anything is built.

    Raises:
        BadInput: It has no llama-quantize.
    """
    asking = [arm.name for arm in arms if arm.status == "pending" and format_of(arm)]
    if asking and not any((Path(source.tree) / folder).is_dir() for folder in TOOL):
        message = f"the source {source.spec} has no llama-quantize, which {asking[0]} needs"
        raise BadInput(message, "name another with --source")


def format_of(arm: Arm) -> str:
    """Return the format that an arm asks for; empty where it takes the run's model."""
    return arm.variant.runtime.quantization if arm.variant else ""


def with_models(
    run: Run, arms: Sequence[Arm], maker: Maker, observer: Observer, interrupts: Interrupts
) -> tuple[Arm, ...]:
    """Return the arms, pending ones that ask for a format with their model or why there is none.

    Raises:
        LlamabuildError: The baseline's cannot be made, or a stored arm's has changed.
        Interrupted: Someone asked to stop.
    """
    baseline = next(arm.variant for arm in arms if arm.name == run.baseline)
    done = []
    for arm in arms:
        if baseline is None or arm.status != "pending" or not format_of(arm):
            done.append(arm)
            continue
        interrupts.check()
        try:
            model = own_model(run.model, format_of(arm), baseline, maker, observer)
        except (BadInput, BuildFailed, EnvironmentLacks) as error:
            if arm.name == run.baseline:
                raise
            lacks = isinstance(error, EnvironmentLacks)
            status = "unsupported" if lacks else "no model"
            done.append(msgspec.structs.replace(arm, status=status, reason=str(error)))
            observer.note(f"{arm.name}: {error}")
            continue
        if arm.model is not None and arm.model.sha256 != model.sha256:
            message = f"the model of {arm.name} has changed since run {run.id} was begun"
            raise BadInput(message, "begin a new run")
        own = None if model.sha256 == run.model.sha256 else model
        done.append(msgspec.structs.replace(arm, model=own))
    return tuple(done)


def own_model(
    model: Model, quantization: str, baseline: Variant, maker: Maker, observer: Observer
) -> Model:
    """Return the model in a format, made by the baseline's llama-quantize; empty: as it is.

    Raises:
        LlamabuildError: As :func:`llamabuild.model.formats.in_format`.
    """
    if not quantization:
        return model
    source = maker.sources.baseline
    quantize = quantizer(source, baseline, maker, observer)
    return in_format(model, quantization, source, quantize, observer.note)
