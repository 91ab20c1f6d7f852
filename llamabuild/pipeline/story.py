"""``variants`` from beginning to end."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild import __version__
from llamabuild.bench import (
    Arms,
    Watcher,
    choose_workloads,
    measure,
    standard_schedule,
)
from llamabuild.compare import compare_run, may_stop
from llamabuild.compare.blocks import counted_blocks
from llamabuild.errors import (
    BadInput,
    BuildFailed,
    EnvironmentLacks,
    Interrupted,
    LlamabuildError,
)
from llamabuild.interrupts import Terminated, graceful_interrupts
from llamabuild.machine.detect import detect_machine
from llamabuild.model.known import known_file
from llamabuild.source import resolve_again, resolve_source
from llamabuild.store.builds import files_folder
from llamabuild.store.locks import cache_in_use, measurement_lock
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM, Run, model_of
from llamabuild.variants import load_catalogue, unsupported_reason

from .allocation import prove_allocations, runtime_with_allocator
from .check import BENCH, check_all
from .choose import choose_arms
from .execution import prove_executions
from .fitting import check_model_fits, with_cache_sizes, without_the_too_large
from .formats import check_tool, with_models
from .inputs import (
    check_draft,
    check_program,
    check_request,
    default_source,
    run_model,
    run_tools,
)
from .make import Maker
from .prebuilt import import_all, is_prebuilt_arm
from .prompts import trial_inputs
from .prove import prove
from .quality import measure_qualities

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.bench import Inputs
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.inputs import Model
    from llamabuild.types.machine import Cpu, Machine
    from llamabuild.types.run import Arm, DiscardedBlock, Trial
    from llamabuild.variants import Catalogue

    from .observer import Observer
    from .request import Request


def run_variants(request: Request, observer: Observer) -> Run:
    """Build, inspect, check and measure; return the stored run.

    Raises:
        LlamabuildError: Bad input, a missing tool, a baseline that cannot be built, another
            measurement on this machine, or Ctrl-C; what was finished until then is stored.
    """
    # What is wrong with the wishes is said at once, also while another measurement runs.
    wishes = None if request.resume else _understood(request)
    with (
        measurement_lock(),
        cache_in_use(),
        Results.open() as results,
        graceful_interrupts(observer.stopping) as interrupts,
    ):
        _settle_abandoned(results, keep=request.resume)
        run, maker = (
            _begun(wishes, results, observer)
            if wishes
            else _resumed(request.resume or "", results, observer)
        )
        try:
            arms = maker.make_all(
                _pending_again(run.arms, run.machine.cpu, begun=bool(results.trials(run.id))),
                interrupts,
                build_missing=request.build_missing,
            )
            arms = import_all(arms, run.baseline, run.machine.cpu, observer, interrupts)
            arms = with_models(run, arms, maker, observer, interrupts)
            arms = without_the_too_large(run, arms)
            run = _stored(_with_arms(run, arms), results)
            run = _proved(run, results, observer, interrupts, sampled=request.sampled)
            with trial_inputs(run, observer, interrupts) as inputs:
                complete = _measure(run, inputs, results, observer, interrupts, request.enough)
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt | Interrupted | Terminated)
            _close(run, results, "interrupted" if interrupted else "failed")
            raise
        run = _close(run, results, "done" if complete else "interrupted")
        observer.finished(run)
    if not complete:
        message = f"run {run.id} is stored up to its last trial"
        command = "sweep" if run.sweep else "variants"
        raise Interrupted(message, f"'python -m llamabuild {command} --resume {run.id}' goes on")
    return run


class _Understood(NamedTuple):
    """Wishes that this machine and the catalogue can make sense of."""

    request: Request
    machine: Machine
    catalogue: Catalogue
    baseline: str
    arms: tuple[Arm, ...]


def _understood(request: Request) -> _Understood:
    machine = detect_machine()
    catalogue = load_catalogue(default_source(request), request.variants_dirs)
    choice = choose_arms(catalogue, machine.cpu, request)
    arms = choice.arms
    if request.only_baseline:
        arms = tuple(arm for arm in arms if arm.name == choice.baseline)
    check_request(request, arms, check_program(request, arms))
    return _Understood(request, machine, catalogue, choice.baseline, arms)


def _begun(wishes: _Understood, results: Results, observer: Observer) -> tuple[Run, Maker]:
    """Resolve all inputs and store the new run, before anything takes long."""
    request, machine, catalogue, baseline, arms = wishes
    threads = request.threads or machine.usable_threads
    schedule = standard_schedule(
        secrets.randbits(32) if request.seed is None else request.seed,
        request.blocks,
        quick=request.quick,
    )
    source = resolve_source(catalogue.get(baseline).source, on_progress=observer.note)
    check_tool(source, arms)
    maker = Maker(source, machine.usable_threads, observer)
    model = run_model(request.model, source, catalogue.get(baseline), maker, observer)
    check_model_fits(model, machine.memory_bytes)
    maker.model = model
    draft = None
    if request.draft_model:
        spec = request.draft_model
        draft = run_model(spec, source, catalogue.get(baseline), maker, observer)
        check_draft(model, draft)
    program = catalogue.get(baseline).runtime.program
    workloads = choose_workloads(model, request.workloads, program)
    started = datetime.now(UTC)
    run = Run(
        id=f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=started.isoformat(timespec="seconds"),
        finished="",
        status="running",
        command=request.command,
        version=__version__,
        machine=machine,
        tools=run_tools(),
        source=source,
        model=model,
        baseline=baseline,
        threads=threads,
        schedule=schedule,
        workloads=workloads,
        arms=arms,
        sweep=with_cache_sizes(request.sweep, arms, model, workloads),
        draft=draft,
        asked=request.names,
        part_of=request.part_of,
    )
    results.save_run(run)
    return run, maker


def _resumed(run_id: str, results: Results, observer: Observer) -> tuple[Run, Maker]:
    """Take a stored run up again, on the machine that it belongs to."""
    run = results.run(run_id)
    machine = detect_machine()
    if run.status == "done":
        message = f"run {run.id} is complete"
        raise BadInput(message, f"'python -m llamabuild report {run.id}' shows it")
    if machine.fingerprint != run.machine.fingerprint:
        message = f"run {run.id} was begun on another machine ({run.machine.cpu.brand})"
        raise BadInput(message, "trials of two machines cannot be compared; begin a new run")
    source = resolve_again(run.source, on_progress=observer.note)
    if source.digest != run.source.digest:
        message = f"the source {run.source.spec} has changed since run {run.id} was begun"
        raise BadInput(message, "begin a new run")
    maker = Maker(source, machine.usable_threads, observer, model=run.model)
    model = _model_again(run.model, run, maker, observer)
    draft = _model_again(run.draft, run, maker, observer) if run.draft else None
    arms = tuple(
        arm
        if is_prebuilt_arm(arm)
        else msgspec.structs.replace(arm, source=maker.sources.check_unchanged(arm))
        for arm in run.arms
    )
    for arm in arms:
        if not is_prebuilt_arm(arm):
            maker.take_up(arm, run.id)
    run = msgspec.structs.replace(
        run, status="running", finished="", source=source, model=model, arms=arms, draft=draft
    )
    results.save_run(run)
    return run, maker


def _model_again(stored: Model, run: Run, maker: Maker, observer: Observer) -> Model:
    """Return a model of the run, fetched or made anew where the cache was cleared since."""
    baseline = next(arm.variant for arm in run.arms if arm.name == run.baseline)
    if Path(stored.path).is_file() or baseline is None:
        sha256, model = known_file(Path(stored.path), observer.note).sha256, stored
    else:
        model = run_model(stored.spec, maker.sources.baseline, baseline, maker, observer)
        sha256 = model.sha256
    if sha256 != stored.sha256:
        message = f"the model {stored.spec} has changed since run {run.id} was begun"
        raise BadInput(message, "begin a new run")
    return model


def _proved(
    run: Run, results: Results, observer: Observer, interrupts: Interrupts, *, sampled: bool
) -> Run:
    """Inspect and check every built arm: to ``ready``, or to the reason why it is not."""
    baseline = next(arm for arm in run.arms if arm.name == run.baseline)
    if baseline.build is None or baseline.status != "pending":
        kinds = {"bad variant": BadInput, "unsupported": EnvironmentLacks}
        kind = kinds.get(baseline.status, BuildFailed)
        left_out = "leave that value out" if run.sweep and baseline.build else ""
        raise kind(baseline.reason or f"the baseline '{run.baseline}' was not built", left_out)
    proved = []
    for arm in run.arms:
        interrupts.check()
        proved.append(arm if arm.inspections else _inspected(arm, run, observer))
        if proved[-1].inspections:
            observer.inspected(proved[-1])
    run = _stored(_with_arms(run, proved), results)
    run = _stored(_with_arms(run, check_all(run, observer, interrupts)), results)
    run = _stored(_with_arms(run, measure_qualities(run, observer, interrupts)), results)
    run = _stored(_with_arms(run, prove_allocations(run, observer, interrupts)), results)
    baseline = next(arm for arm in run.arms if arm.name == run.baseline)
    if baseline.status != "ready":
        message = f"the baseline {baseline.name}: {baseline.reason}"
        raise BadInput(message, "choose another with --baseline")
    if not sampled or run.program:  # the sampler finds its place in llama-bench's output
        return run
    return _stored(_with_arms(run, prove_executions(run, observer, interrupts)), results)


def _inspected(arm: Arm, run: Run, observer: Observer) -> Arm:
    """Inspect one arm; a file that cannot be read costs that arm alone, unless all hang on it."""
    try:
        return prove(arm, run.machine.cpu)
    except LlamabuildError as error:
        if arm.name == run.baseline:
            raise
        observer.note(f"{arm.name}: {error}")
        return msgspec.structs.replace(arm, status="not inspected", reason=str(error))


def _with_arms(run: Run, arms: Sequence[Arm]) -> Run:
    return msgspec.structs.replace(run, arms=tuple(arms))


RETRIED = frozenset(
    {"bad variant", "build failed", "not built", "not inspected", "no model", "bench failed"}
)


def _pending_again(arms: Sequence[Arm], cpu: Cpu, *, begun: bool) -> tuple[Arm, ...]:
    """Take up arms again; one that was not built gets another chance before the first trial.

    So does one that lacked something that is there by now.
    """

    def again(arm: Arm) -> bool:
        if arm.status == "ready" or begun:
            return arm.status == "ready"
        if arm.status == "unsupported":
            return arm.variant is not None and not unsupported_reason(arm.variant, cpu)
        return arm.status in RETRIED

    return tuple(
        msgspec.structs.replace(arm, status="pending", reason="") if again(arm) else arm
        for arm in arms
    )


def _measure(  # noqa: PLR0917 - all that a measurement hangs on
    run: Run,
    inputs: Inputs,
    results: Results,
    observer: Observer,
    interrupts: Interrupts,
    enough: Callable[[int], bool] | None,
) -> bool:
    """Run blocks until the comparison is decided; False when someone asked to stop."""
    ready = [arm for arm in run.arms if arm.status == "ready" and arm.build and arm.variant]
    rivals = [arm for arm in run.arms if arm.name not in {run.baseline, NOISE_ARM}]
    forsaken = bool(rivals) and not any(arm.status == "ready" for arm in rivals)
    observer.measuring(run, len(results.trials(run.id)))

    def now(gone: Sequence[DiscardedBlock]) -> Run:
        return msgspec.structs.replace(run, discarded=tuple(gone))

    def on_block(trials: Sequence[Trial], gone: Sequence[DiscardedBlock], block: int) -> None:
        reasons = {item.block: item.reason for item in gone}
        observer.block(compare_run(now(gone), trials), block, reasons.get(block, ""))

    def ends(trials: Sequence[Trial], gone: Sequence[DiscardedBlock]) -> bool:
        if may_stop(now(gone), trials):
            return True
        counted = len(counted_blocks(now(gone), trials))
        # Within a budget one block is enough of a baseline whose rivals all lack something.
        return enough is not None and (enough(counted) or (forsaken and counted > 0))

    return measure(
        run,
        Arms(
            programs={
                arm.name: files_folder(arm.build.id) / (run.program or BENCH)
                for arm in ready
                if arm.build
            },
            runtimes={
                arm.name: runtime_with_allocator(arm.variant) for arm in ready if arm.variant
            },
            models={arm.name: Path(model_of(run, arm).path) for arm in ready},
            inputs=inputs,
        ),
        results,
        Watcher(
            may_stop=ends,
            on_trial=observer.trial,
            on_block=on_block,
            stop_requested=lambda: interrupts.requested,
        ),
    )


def _close(run: Run, results: Results, status: str) -> Run:
    """Store how the run ended; in a complete one, arms that a workload always failed say so."""
    trials = results.trials(run.id) if status == "done" else ()
    program = run.program or BENCH
    arms = tuple(_with_failures(arm, trials, program) for arm in run.arms)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    return _stored(
        msgspec.structs.replace(run, arms=arms, status=status, finished=finished), results
    )


def _with_failures(arm: Arm, trials: Sequence[Trial], program: str) -> Arm:
    """``bench failed`` when every workload failed every time; a reason when one of them did."""
    by_workload: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.arm == arm.name:
            by_workload.setdefault(trial.workload, []).append(trial)
    failed = {
        name: own[-1]
        for name, own in by_workload.items()
        if all(trial.status != "ok" for trial in own)
    }
    if arm.status != "ready" or not failed:
        return arm
    reason = "; ".join(f"{name}: {program} {t.status}: {t.error}" for name, t in failed.items())
    status = "bench failed" if len(failed) == len(by_workload) else arm.status
    return msgspec.structs.replace(arm, status=status, reason=reason)


def _settle_abandoned(results: Results, keep: str | None) -> None:
    """Runs that still say ``running`` were killed: whoever runs now holds the machine's lock."""
    results.settle_running(keep or "")


def _stored(run: Run, results: Results) -> Run:
    results.save_run(run)
    return results.run(run.id)
