"""Source, model and tools of a run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench import check_workloads
from llamabuild.bench.speculative import DRAFT
from llamabuild.build import execute_plan
from llamabuild.build.training import training
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.model import resolve_model
from llamabuild.model.spec import parse_model
from llamabuild.process import run
from llamabuild.source.pins import load_pins
from llamabuild.store.builds import files_folder, load_build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.model.synthetic import Quantize
    from llamabuild.types.inputs import Model, Source
    from llamabuild.types.machine import Tool
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .make import Maker
    from .observer import Observer
    from .request import Request

TOOLS = ("cc", "c++", "ld", "cmake", "ninja", "objdump", "ccache")
BENCH, QUANTIZE = "llama-bench", "llama-quantize"
REQUANTIZE = "--allow-requantize"
"""Of weights that are quantized already; without it they are refused."""
MOST_TOKENS_APART = 128
"""``SPEC_VOCAB_MAX_SIZE_DIFFERENCE`` of llama.cpp's common/speculative.cpp."""


def check_request(request: Request, arms: Sequence[Arm], program: str = "") -> None:
    """Refuse names that are wrong in themselves, before anything is fetched or built.

    Args:
        request: The wishes.
        arms: What they come to.
        program: What all of them run; by default llama-bench.

    Raises:
        BadInput: The model's name or a workload's, or one of a size that an arm is trained on.
    """
    parse_model(request.model)
    check_workloads(request.workloads, program)
    trained = [
        arm.name
        for arm in arms
        if arm.status == "pending" and arm.variant
        if arm.variant.optimize.pgo or arm.variant.optimize.bolt
    ]
    sizes = _training_sizes()
    if trained and (same := [name for name in request.workloads if _sized(name) in sizes]):
        message = f"{trained[0]} is trained on {same[0]} and cannot be scored by it"
        raise BadInput(message, "name another size, or leave out what is trained")


def check_program(request: Request, arms: Sequence[Arm]) -> str:
    """Return what all arms run, empty for llama-bench: times of two programs don't compare.

    Raises:
        BadInput: They run different programs, or a draft model is missing or not used.
    """
    _check_draft_named(request, arms)
    names = {arm.variant.runtime.program: arm.name for arm in arms if arm.variant}
    if len(names) > 1:
        (first, one), (second, other) = list(names.items())[:2]
        said = f"'{one}' runs {first or BENCH} and '{other}' {second or BENCH}"
        message = f"{said}: their times cannot be compared"
        raise BadInput(message, "use 'sweep', which runs one program at all points")
    return next(iter(names), "")


def refuse_program(variant: Variant, command: str) -> None:
    """Refuse a variant that is not run by llama-bench.

    Raises:
        BadInput: It runs another program.
    """
    if variant.runtime.program:
        message = f"'{variant.name}' runs {variant.runtime.program}, '{command}' only {BENCH}"
        raise BadInput(message, "leave that setting out; 'sweep' measures it")


def _check_draft_named(request: Request, arms: Sequence[Arm]) -> None:
    wants = [a.name for a in arms if a.variant and a.variant.runtime.mode == DRAFT]
    if wants and not request.draft_model:
        message = f"'{wants[0]}' needs a draft model"
        remedy = "name a small one of the model's family: 'sweep speculative --draft-model'"
        raise BadInput(message, remedy)
    if request.draft_model:
        parse_model(request.draft_model)
        if not wants:
            message = "--draft-model is for the value 'draft' of 'speculative' alone"
            raise BadInput(message, "add it: 'sweep speculative off draft'")


def check_draft(model: Model, draft: Model) -> None:
    """Refuse a draft model of another vocabulary as far as its size tells.

    llama.cpp compares the tokens themselves (``common_speculative_are_compatible``), so that one of
    the same size may still be refused when it is run.

    Raises:
        BadInput: It has more or fewer tokens than llama.cpp lets pass.
    """
    if abs(model.vocabulary - draft.vocabulary) <= MOST_TOKENS_APART:
        return
    sizes = f"{draft.vocabulary:,} tokens, the model's {model.vocabulary:,}"
    message = f"the vocabulary of the draft model {draft.spec} does not fit: it has {sizes}"
    raise BadInput(message, "name a smaller model of the same family with --draft-model")


def _training_sizes() -> set[tuple[str, int]]:
    """Workloads of the training run as kind and tokens."""
    words = training().arguments
    kinds = {"-p": "pp", "-n": "tg"}
    return {(kinds[option], int(value)) for option, value in pairwise(words) if option in kinds}


def _sized(name: str) -> tuple[str, int]:
    """Kind and tokens of a workload's name; 0 where the model decides."""
    kind = name.rstrip("0123456789")
    return kind, int(name[len(kind) :] or 0)


def default_source(request: Request) -> str:
    """Return the source of variants that name none: the first that the user named."""
    return request.sources[0] if request.sources else load_pins().default


def run_tools() -> tuple[Tool, ...]:
    """Return the tools whose versions belong to a run's record; absent ones are left out."""
    found = []
    for name in TOOLS:
        try:
            found.append(find_tool(name))
        except EnvironmentLacks:
            continue
    return tuple(found)


def run_model(
    spec: str | None, source: Source, baseline: Variant, maker: Maker, observer: Observer
) -> Model:
    """Resolve the model; a synthetic one is quantized by the baseline's own llama-quantize.

    Raises:
        LlamabuildError: As :func:`llamabuild.model.resolve_model`, or the baseline's build.
    """
    return resolve_model(
        spec,
        quantize=quantizer(source, baseline, maker, observer),
        vocabulary_tree=Path(source.tree),
        on_progress=observer.note,
    )


def quantizer(source: Source, variant: Variant, maker: Maker, observer: Observer) -> Quantize:
    """Return what makes a file of another quantization with a variant's own llama-quantize."""

    def quantize(full: Path, target: Path, kind: str) -> None:
        # Training needs the model that is yet to be made; the program that makes it needs none.
        untrained = msgspec.structs.replace(variant.optimize, pgo=False, bolt=False)
        plain = msgspec.structs.replace(variant, optimize=untrained)
        plan = maker.plan(plain)
        if load_build(plan.build_id) is None:
            observer.note(f"building '{variant.name}' first: its llama-quantize makes the model")
        build, _ = execute_plan(plan, plain, Path(source.tree), on_step=observer.build_step)
        observer.note(f"quantizing to {kind}")
        program = files_folder(build.id) / QUANTIZE
        finished = run([program, REQUANTIZE, full, target, kind])
        if not finished.ok:
            message = f"llama-quantize {finished.failure()}"
            raise BuildFailed(message)

    return quantize
