"""Which variants take part, from which sources, which cannot and why; which one is the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.types.run import Arm
from llamabuild.variants import unsupported_reason

from .sources import source_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Variant
    from llamabuild.variants import Catalogue

DEFAULT_BASELINES = ("avx2", "sse42", "generic", "armv8")
"""The first that this CPU can run: what portable packages ship for it."""
AT = "@"
"""Between a variant's name and the source of one of its copies."""
DEFAULT_ORIGIN = "default"
"""What ``origins`` has for the source of a variant that names none."""


def choose_arms(
    catalogue: Catalogue,
    cpu: Cpu,
    names: Sequence[str],
    baseline: str | None,
    sources: Sequence[str] = (),
) -> tuple[str, tuple[Arm, ...]]:
    """Return the baseline's name and an arm for every variant, the baseline among them.

    Without names these are all variants of the CPU's architecture; those that cannot run here
    are arms with the status ``unsupported`` and the reason.

    ``sources`` are those that the user named: the first is the catalogue's default already. Each
    wanted variant that names no source of its own takes part once more with each further one, as
    ``name@version``.

    Raises:
        BadInput: A name that is not in the catalogue, or what is not a source.
        EnvironmentLacks: The baseline cannot run on this machine.
    """
    fitting = (
        name
        for name in DEFAULT_BASELINES
        if name in catalogue.files and not unsupported_reason(catalogue.get(name), cpu)
    )
    chosen = baseline or next(fitting, "native")
    if reason := unsupported_reason(catalogue.get(chosen), cpu):
        message = f"the baseline '{chosen}' cannot run here: {reason}"
        raise EnvironmentLacks(message, "choose another with --baseline")
    wanted = list(dict.fromkeys(names)) or _of_this_architecture(catalogue, cpu)
    further = dict(list(source_labels(sources).items())[1:])
    variants = [v for name in wanted for v in _of_sources(catalogue.get(name), further)]
    if chosen not in wanted:
        variants.insert(0, catalogue.get(chosen))
    return chosen, tuple(_arm(variant, unsupported_reason(variant, cpu)) for variant in variants)


def _arm(variant: Variant, reason: str) -> Arm:
    status = "unsupported" if reason else "pending"
    return Arm(name=variant.name, status=status, reason=reason, variant=variant)


def _of_sources(variant: Variant, further: dict[str, str]) -> Iterator[Variant]:
    """Yield a variant, then its copies of the further sources if its own is but the default."""
    yield variant
    if variant.origins.get("source") != DEFAULT_ORIGIN:
        return
    for spec, label in further.items():
        yield msgspec.structs.replace(
            variant,
            name=f"{variant.name}{AT}{label}",
            source=spec,
            origins={**variant.origins, "source": "--source"},
        )


def _of_this_architecture(catalogue: Catalogue, cpu: Cpu) -> list[str]:
    architectures = {name: catalogue.get(name).requires.architecture for name in catalogue.names()}
    return [name for name, wants in architectures.items() if wants in {"", cpu.architecture}]
