"""Which variants take part, which cannot and why, and which one is the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.types.run import Arm
from llamabuild.variants import unsupported_reason
from llamabuild.variants.prebuilt import is_prebuilt, with_own_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.variants import Catalogue

DEFAULT_BASELINES = ("avx2", "sse42", "generic", "armv8")
"""The first that this CPU can run: what portable packages ship for it."""


def choose_arms(
    catalogue: Catalogue, cpu: Cpu, names: Sequence[str], baseline: str | None
) -> tuple[str, tuple[Arm, ...]]:
    """Return the baseline's name and an arm for every variant, the baseline among them.

    Without names these are all variants of the CPU's architecture; those that cannot run here
    are arms with the status ``unsupported`` and the reason.

    Raises:
        BadInput: A name that is not in the catalogue, or variants of different sources.
        EnvironmentLacks: The baseline cannot run on this machine.
    """
    fitting = (
        name
        for name in DEFAULT_BASELINES
        if name in catalogue.files and not unsupported_reason(catalogue.get(name), cpu)
    )
    chosen = baseline or next(fitting, "native")
    if is_prebuilt(chosen):
        message = f"'{chosen}' cannot be the baseline, which makes the model and the reference"
        raise BadInput(message, "name it as a variant instead")
    if reason := unsupported_reason(catalogue.get(chosen), cpu):
        message = f"the baseline '{chosen}' cannot run here: {reason}"
        raise EnvironmentLacks(message, "choose another with --baseline")
    wanted = list(dict.fromkeys(names)) or _of_this_architecture(catalogue, cpu)
    if chosen not in wanted:
        wanted.insert(0, chosen)
    source = catalogue.get(chosen).source
    built = [name for name in wanted if not is_prebuilt(name)]
    if foreign := [name for name in built if catalogue.get(name).source != source]:
        message = f"{', '.join(foreign)}: not built from the baseline's source ({source})"
        raise BadInput(message, "compare variants of one source; --baseline chooses which")
    arms = []
    variants = with_own_names([catalogue.get(name) for name in wanted])
    for variant in {variant.name: variant for variant in variants}.values():
        reason = unsupported_reason(variant, cpu)
        arms.append(
            Arm(
                name=variant.name,
                status="unsupported" if reason else "pending",
                reason=reason,
                variant=variant,
            )
        )
    return chosen, tuple(arms)


def _of_this_architecture(catalogue: Catalogue, cpu: Cpu) -> list[str]:
    architectures = {name: catalogue.get(name).requires.architecture for name in catalogue.names()}
    return [name for name, wants in architectures.items() if wants in {"", cpu.architecture}]
