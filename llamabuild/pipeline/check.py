"""Compare every arm's output with the baseline's, once per pair of builds and model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.driver import lacking_options
from llamabuild.bench.equivalence import (
    Setting,
    check_equivalence,
    memory_key,
    remember,
    remembered,
    with_unchecked,
    write_reference,
)
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.store.builds import files_folder
from llamabuild.store.paths import scratch_dir
from llamabuild.types.run import Equivalence, model_of

from .allocation import runtime_with_allocator
from .devices import lacks_device
from .prebuilt import settled

if TYPE_CHECKING:
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.run import Arm, Run
    from llamabuild.types.variant import Runtime

    from .observer import Observer

BENCH = "llama-bench"
PROGRAM = "llama-perplexity"


def check_all(run: Run, observer: Observer, interrupts: Interrupts) -> tuple[Arm, ...]:
    """Return the arms with their equivalence; those that compute something else are not ready.

    One whose program lacks an option that it is to be run with is ``unsupported``,
    as is one whose allocator is not there; an allocator that nobody knows is a ``bad variant``.

    Raises:
        BadInput: The baseline is one of these.
        BuildFailed: The baseline cannot compute the reference.
        Interrupted: Someone asked to stop.
    """
    reference_arm = next(arm for arm in run.arms if arm.name == run.baseline)
    checked: dict[str, Arm] = {}
    with scratch_dir("equivalence-") as folder:
        for arm in run.arms:
            interrupts.check()
            if arm.build is None or arm.status != "pending":
                checked[arm.name] = arm
                continue
            try:
                lacks, status = _lacking(arm), "unsupported"
            except (BadInput, EnvironmentLacks) as error:  # its allocator's
                wrong_file = isinstance(error, BadInput)
                lacks, status = str(error), "bad variant" if wrong_file else "unsupported"
            if lacks:
                if arm is reference_arm:
                    message = f"the baseline {arm.name}: {lacks}"
                    raise BadInput(message, "choose another with --baseline or --source")
                checked[arm.name] = msgspec.structs.replace(arm, status=status, reason=lacks)
                observer.checked(checked[arm.name])
                continue
            equivalence = _check(run, arm, reference_arm, Path(folder))
            wrong = equivalence.verdict == "different"
            reason = f"output differs from {run.baseline}'s: {equivalence.reason}"
            checked[arm.name] = msgspec.structs.replace(
                arm,
                status="wrong output" if wrong else "ready",
                reason=reason if wrong else "",
                equivalence=equivalence,
            )
            observer.checked(checked[arm.name])
    return tuple(checked.values())


def _lacking(arm: Arm) -> str:
    """Say which arguments of the variant its program can do nothing with, if any."""
    assert arm.build is not None
    assert arm.variant is not None
    runtime = runtime_with_allocator(arm.variant)
    name = runtime.program or BENCH
    program = files_folder(arm.build.id) / name
    if unknown := lacking_options(program, runtime):
        return f"its {name} has no {', '.join(unknown)}"
    return "" if runtime.program else lacks_device(program, arm.variant, runtime)


def _check(run: Run, arm: Arm, baseline: Arm, folder: Path) -> Equivalence:
    """Compare two builds on the arm's own model: what another format changes is its quality."""
    assert arm.build is not None
    assert arm.variant is not None
    assert baseline.build is not None
    assert baseline.variant is not None
    theirs, own = map(runtime_with_allocator, (baseline.variant, arm.variant))
    if arm.name == baseline.name:
        same = Equivalence(verdict="baseline", mean_kl_divergence=0.0, top_token_agreement=1.0)
        return with_unchecked(same, [own])
    model = model_of(run, arm)
    elsewhere = model.sha256 != model_of(run, baseline).sha256
    if elsewhere and arm.build.id == baseline.build.id and _bare(own) == _bare(theirs):
        reason = f"built and run as {baseline.name}, with another model"
        return Equivalence(verdict="same", reason=reason)
    program = files_folder(arm.build.id) / PROGRAM
    if arm.prebuilt is not None and not program.is_file():
        return arm.equivalence
    key = memory_key(
        build=arm.build.id,
        baseline=baseline.build.id,
        model_sha256=model.sha256,
        threads=run.threads,
        runtimes=[theirs, own],
    )
    found = remembered(key)
    if found is None:
        references = folder / model.sha256
        references.mkdir(exist_ok=True)
        setting = Setting(
            model=Path(model.path),
            references=references,
            threads=run.threads,
            random_weights=model.synthetic,
        )
        try:
            write_reference(files_folder(baseline.build.id) / PROGRAM, theirs, setting)
        except BuildFailed as error:
            if not elsewhere:
                raise
            return Equivalence(verdict="not checked", reason=error.message)
        other = arm.source is not None
        found = settled(arm, check_equivalence(program, own, setting, other_tree=other))
        remember(key, found)
    return with_unchecked(found, [theirs, own])


def _bare(runtime: Runtime) -> Runtime:
    """How a program is run, whatever the model."""
    return msgspec.structs.replace(runtime, quantization="")
