"""Which variants take part, from which sources, which cannot and why; which one is the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.types.run import Arm
from llamabuild.variants import unsupported_reason
from llamabuild.variants.prebuilt import is_prebuilt, with_own_names
from llamabuild.variants.selection import wanted

from .sources import source_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Variant
    from llamabuild.variants import Catalogue

    from .request import Request

DEFAULT_BASELINES = ("avx2", "sse42", "generic", "armv8")
"""The first that this CPU can run: what portable packages ship for it."""
NATIVE = "native"
PORTABLE_KINDS = frozenset({"simd", "own"})
AT = "@"
"""Between a variant's name and the source of one of its copies."""
DEFAULT_ORIGIN = "default"
"""What ``origins`` has for the source of a variant that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who takes part."""

    baseline: str
    asked: tuple[Arm, ...]
    """What the user named, in that order."""
    arms: tuple[Arm, ...]
    """The same, and the baseline before them if it was not named."""


def choose_arms(catalogue: Catalogue, cpu: Cpu, request: Request) -> Choice:
    """Choose the baseline, and make an arm of every variant that is asked for.

    Without names and sets these are the SIMD variants; those that cannot run here, of another
    architecture too, are arms with the status ``unsupported`` and the reason, and so are the
    parts of a crossing that do not go together.

    The first of ``request.sources`` is the catalogue's default already. Each wanted variant that
    names no source of its own takes part once more with each further one, as ``name@version``.
    With further sources the first such variant is the baseline unless another is named, so that
    versions are compared with each other.

    Raises:
        BadInput: A name that is not in the catalogue, or what is not a source.
        EnvironmentLacks: The baseline cannot run on this machine.
    """
    points = [point.variant for point in request.sweep.points] if request.sweep else []
    found = wanted(
        catalogue,
        request.names,
        request.sets,
        request.cross,
        points=points,
        without=request.without,
    )
    whole = [each.name for each in found if not each.reason]
    further = dict(list(source_labels(request.sources).items())[1:])
    chosen = request.baseline or _default_baseline(catalogue, cpu, whole)
    if further and not request.baseline and (request.names or chosen not in whole):
        chosen = next(_of_each_source(catalogue, cpu, whole), chosen)
    if is_prebuilt(chosen):
        message = f"'{chosen}' cannot be the baseline, which makes the model and the reference"
        raise BadInput(message, "name it as a variant instead")
    if reason := unsupported_reason(catalogue.get(chosen), cpu):
        message = f"the baseline '{chosen}' cannot run here: {reason}"
        raise EnvironmentLacks(message, "choose another with --baseline")
    named = with_own_names([catalogue.get(name) for name in whole])
    once = {variant.name: variant for variant in named}.values()  # a path has many spellings
    variants = [v for variant in once for v in _of_sources(variant, further)]
    refused = [
        Arm(name=each.name, status="unsupported", reason=each.reason)
        for each in found
        if each.reason
    ]
    asked = (*(_arm(variant, unsupported_reason(variant, cpu)) for variant in variants), *refused)
    added = () if chosen in whole else (_arm(catalogue.get(chosen), ""),)
    return Choice(baseline=chosen, asked=asked, arms=(*added, *asked))


def _of_each_source(catalogue: Catalogue, cpu: Cpu, names: Sequence[str]) -> Iterator[str]:
    """Yield those that take part from every source and can run here."""
    for name in names:
        variant = catalogue.get(name)
        if _takes_sources(variant) and not unsupported_reason(variant, cpu):
            yield name


def _default_baseline(catalogue: Catalogue, cpu: Cpu, names: Sequence[str]) -> str:
    """What portable packages ship; among levers that are pulled on native, native."""
    if any(catalogue.get(name).kind not in PORTABLE_KINDS for name in names):
        return NATIVE
    fitting = (
        name
        for name in DEFAULT_BASELINES
        if name in catalogue.files and not unsupported_reason(catalogue.get(name), cpu)
    )
    return next(fitting, NATIVE)


def _arm(variant: Variant, reason: str) -> Arm:
    status = "unsupported" if reason else "pending"
    return Arm(name=variant.name, status=status, reason=reason, variant=variant)


def _of_sources(variant: Variant, further: dict[str, str]) -> Iterator[Variant]:
    """Yield a variant, then its copies of the further sources if its own is but the default."""
    yield variant
    if not _takes_sources(variant):
        return
    for spec, label in further.items():
        yield msgspec.structs.replace(
            variant,
            name=f"{variant.name}{AT}{label}",
            source=spec,
            origins={**variant.origins, "source": "--source"},
        )


def _takes_sources(variant: Variant) -> bool:
    """Tell whether its source is but the default, and no other's."""
    return not is_prebuilt(variant.source) and variant.origins.get("source") == DEFAULT_ORIGIN
