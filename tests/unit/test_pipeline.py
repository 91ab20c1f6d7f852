"""Choosing arms, promises, Ctrl-C, and one variant that fails without stopping the others."""

import os
import re
import signal
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import click
import msgspec
import pytest

from llamabuild.cli import build as commands
from llamabuild.cli.build import _complain as build_complaint
from llamabuild.cli.variants import exit_of as exit_of_run
from llamabuild.errors import (
    BadInput,
    BuildFailed,
    EnvironmentLacks,
    Interrupted,
    LlamabuildError,
)
from llamabuild.interrupts import Interrupts, Terminated, graceful_interrupts
from llamabuild.pipeline.builds import build_variants
from llamabuild.pipeline.check import check_all
from llamabuild.pipeline.inputs import check_request, run_model
from llamabuild.pipeline.make import Maker
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.request import Request
from llamabuild.pipeline.story import _pending_again
from llamabuild.store.builds import files_folder
from llamabuild.types.build import Build, Plan
from llamabuild.types.run import Arm
from llamabuild.types.variant import Allocator, Expectation, Optimize, Runtime
from llamabuild.variants import load_catalogue, promises
from tests.runs import CPU, MACHINE, SOURCE, chosen, make_model, make_run


@pytest.fixture
def catalogue():
    return load_catalogue(SOURCE.spec, [])


def test_without_names_all_instruction_sets_are_there_or_say_why_not(catalogue):
    baseline, arms = chosen(catalogue, CPU, (), None)
    assert baseline == "avx2"
    by_name = {arm.name: arm for arm in arms}
    assert by_name["avx2"].status == by_name["native"].status == "pending"
    assert by_name["avx512"].status == "unsupported"
    assert "lacks avx512f" in by_name["avx512"].reason
    for name in ("armv8", "dotprod", "i8mm", "sve"):
        assert by_name[name].status == "unsupported"
        assert by_name[name].reason == "for aarch64; this CPU is x86_64"


def test_the_baseline_always_takes_part(catalogue):
    baseline, arms = chosen(catalogue, CPU, ("native",), None)
    assert [arm.name for arm in arms] == ["avx2", "native"]
    assert baseline == "avx2"


def test_a_named_variant_of_another_cpu_is_a_row_with_its_reason(catalogue):
    _, arms = chosen(catalogue, CPU, ("sve",), None)
    assert [(arm.name, arm.status) for arm in arms][1] == ("sve", "unsupported")
    assert "aarch64" in arms[1].reason


def test_the_default_baseline_is_what_the_cpu_can_run(catalogue):
    old = msgspec.structs.replace(CPU, features=("sse42", "ssse3"))
    assert chosen(catalogue, old, (), None)[0] == "sse42"
    arm = msgspec.structs.replace(CPU, architecture="aarch64", features=("neon",))
    assert chosen(catalogue, arm, (), None)[0] == "armv8"


def test_a_baseline_that_cannot_run_is_refused(catalogue):
    with pytest.raises(EnvironmentLacks, match="'avx512' cannot run here"):
        chosen(catalogue, CPU, (), "avx512")


def test_promises_depend_on_the_cpu():
    expected = (
        Expectation(binary="lib*", require=("cpu:avx2", "cpu:avx512f", "fma")),
        Expectation(binary="lib*", require=("cpu:neon",)),
        Expectation(binary="lib*", require=("cpu:neon",), forbid=("amx",)),
    )
    first, second = promises(expected, CPU)
    assert first.require == ("avx2", "fma")
    assert (second.require, second.forbid) == ((), ("amx",))


def plan_of(variant, *_args, **_options):
    return Plan(
        build_id=f"id-{variant.name}",
        variant=variant.name,
        source_digest="d",
        steps=(),
        compilers=(),
        native_resolution="",
        outputs=(),
    )


def build_of(plan, *_args, **_options):
    if plan.variant == "generic":
        raise BuildFailed("generic: compile failed: error: no")
    build = Build(
        id=plan.build_id,
        plan=plan,
        files=(),
        seconds=1,
        cpu_seconds=1,
        size_bytes=1,
        compiled=1,
        cache_hits=-1,
        created="2026-11-22T12:00:00+00:00",
    )
    return build, False


@pytest.fixture
def maker(monkeypatch):
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", plan_of)
    monkeypatch.setattr("llamabuild.build.order.load_build", lambda build_id: None)
    monkeypatch.setattr("llamabuild.pipeline.make.execute_plan", build_of)
    return Maker(SOURCE, 2, Observer())


def test_one_variant_that_fails_does_not_stop_the_others(catalogue, maker):
    _, arms = chosen(catalogue, CPU, ("generic", "avx2", "native", "avx512"), None)
    made = {arm.name: arm for arm in maker.make_all(arms, Interrupts(), build_missing=True)}
    assert made["generic"].status == "build failed"
    assert made["generic"].reason == "generic: compile failed: error: no"
    assert made["avx2"].build is not None
    assert made["native"].build is not None
    assert made["avx512"].status == "unsupported"


@pytest.mark.parametrize("where", ["make_plan", "execute_plan"])
def test_a_wrong_variant_file_is_told_from_a_failed_build(catalogue, maker, monkeypatch, where):
    real = {"make_plan": plan_of, "execute_plan": build_of}[where]

    def refuse(subject, *arguments, **options):
        if "native" in {getattr(subject, "name", ""), getattr(subject, "variant", "")}:
            message = "native: this llama.cpp does not know the CMake variable"
            raise BadInput(message, "did you mean 'GGML_AVX'?")
        return real(subject, *arguments, **options)

    monkeypatch.setattr(f"llamabuild.pipeline.make.{where}", refuse)
    _, arms = chosen(catalogue, CPU, ("generic", "avx2", "native"), None)
    made = {arm.name: arm for arm in maker.make_all(arms, Interrupts(), build_missing=True)}
    assert made["native"].status == "bad variant"
    assert "did you mean" in made["native"].reason
    assert made["generic"].status == "build failed"
    assert made["avx2"].build is not None


def preloading(arm, name):
    allocator = Allocator(name=name, how="preload")
    return msgspec.structs.replace(
        arm, variant=msgspec.structs.replace(arm.variant, allocator=allocator)
    )


def test_an_allocator_that_nobody_knows_is_refused_before_anything_is_built(catalogue, maker):
    _, (baseline, native) = chosen(catalogue, CPU, ("native",), None)
    arms = (baseline, preloading(native, "mimaloc"))
    first, second = maker.make_all(arms, Interrupts(), build_missing=True)
    assert first.build is not None
    assert (second.status, second.build) == ("bad variant", None)
    assert "unknown allocator 'mimaloc'" in second.reason


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadInput("unknown allocator"), "bad variant"), (EnvironmentLacks("gone"), "unsupported")],
)
def test_an_allocator_that_is_gone_after_the_build_costs_its_own_arm(
    catalogue, maker, monkeypatch, error, status
):
    def refuse(variant):
        if variant.allocator.name:
            raise error
        return variant.runtime

    _, arms = chosen(catalogue, CPU, ("native",), None)
    baseline, native = maker.make_all(arms, Interrupts(), build_missing=True)
    monkeypatch.setattr("llamabuild.pipeline.check.runtime_with_allocator", refuse)
    run = make_run(arms=(baseline, preloading(native, "mimalloc")))
    first, second = check_all(run, Observer(), Interrupts())
    assert (first.status, second.status, second.reason) == ("ready", status, str(error))


@pytest.mark.parametrize("where", ["make_plan", "execute_plan"])
def test_what_this_machine_lacks_is_no_failed_build(catalogue, maker, monkeypatch, where):
    real = {"make_plan": plan_of, "execute_plan": build_of}[where]

    def refuse(subject, *arguments, **options):
        if "native" in {getattr(subject, "name", ""), getattr(subject, "variant", "")}:
            raise EnvironmentLacks("no profile runtime", "apt-get install it")
        return real(subject, *arguments, **options)

    monkeypatch.setattr(f"llamabuild.pipeline.make.{where}", refuse)
    _, arms = chosen(catalogue, CPU, ("native",), None)
    _, native = maker.make_all(arms, Interrupts(), build_missing=True)
    assert native.status == "unsupported"
    assert "apt-get install it" in native.reason


def test_what_was_missing_is_tried_again_before_the_first_trial(catalogue):
    _, arms = chosen(catalogue, CPU, ("native", "avx512"), None)
    lacking = [msgspec.structs.replace(arm, status="unsupported", reason="r") for arm in arms]
    tried = {arm.name: arm.status for arm in _pending_again(lacking, CPU, begun=False)}
    assert tried == {"avx2": "pending", "native": "pending", "avx512": "unsupported"}
    assert list(_pending_again(lacking, CPU, begun=True)) == lacking


@pytest.mark.parametrize("lack", ["profile", "compiler"])
def test_a_resumed_arm_keeps_the_build_that_can_not_be_planned(catalogue, maker, monkeypatch, lack):
    def plan(variant, *_args, **_options):
        if lack == "compiler":
            raise EnvironmentLacks("no compiler")
        return msgspec.structs.replace(plan_of(variant), build_id="new", needs_profiles=("pgo",))

    _, arms = chosen(catalogue, CPU, ("native",), None)
    _, native = maker.make_all(arms, Interrupts(), build_missing=True)
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", plan)
    stored = {"build": native.build}
    monkeypatch.setattr("llamabuild.pipeline.make.load_build", lambda *_, **__: stored.get("build"))
    maker.take_up(native, "run")
    (kept,) = maker.make_all((native,), Interrupts(), build_missing=True)
    assert (kept.status, kept.build, kept.build_cached) == ("pending", native.build, True)
    stored.clear()
    if lack == "profile":
        with pytest.raises(BadInput, match="native lacks its profile"):
            maker.take_up(native, "run")


def made_arms(**statuses):
    return tuple(Arm(name=n, status=s, reason=f"{n} is wrong") for n, s in statuses.items())


@pytest.mark.parametrize(
    ("statuses", "error"),
    [
        ({"avx2": "pending", "mine": "bad variant"}, BadInput),
        ({"avx2": "build failed", "mine": "bad variant"}, BuildFailed),
        ({"avx2": "pending", "mine": "unsupported"}, EnvironmentLacks),
        ({"avx2": "pending", "other": "unsupported"}, None),
    ],
)
def test_the_worst_failure_sets_the_exit_code(statuses, error):
    arms = made_arms(**statuses)
    with (
        pytest.raises(error, match="mine is wrong|could not|mine: not built")
        if error
        else nullcontext()
    ):
        build_complaint(arms, ("avx2", "mine"))


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ({"avx2": "ready", "mine": "bad variant"}, 2),
        ({"avx2": "build failed", "mine": "bad variant"}, 4),
        ({"avx2": "bench failed", "mine": "bad variant"}, 1),
        ({"avx2": "ready", "mine": "unsupported"}, 0),
    ],
)
def test_the_exit_code_of_a_finished_run(statuses, code):
    run = make_run(arms=made_arms(**statuses))
    try:
        exit_of_run(run, SimpleNamespace(noise=(), discarded=(), blocks=3))
    except click.exceptions.Exit as ended:
        found = ended.exit_code
    except LlamabuildError as error:
        found = error.exit_code
    else:
        found = 0
    assert found == code


def test_an_arm_that_only_cannot_take_an_option_is_no_failure(maker, catalogue):
    _, arms = chosen(catalogue, CPU, ("native",), None)
    first, second = maker.make_all(arms, Interrupts(), build_missing=True)
    lacks = msgspec.structs.replace(second, status="unsupported", reason="has no --mmap")
    quiet = SimpleNamespace(noise=(), discarded=(), blocks=3)
    run = make_run(arms=(first, lacks))
    exit_of_run(run, quiet)
    with pytest.raises(EnvironmentLacks, match="native: not measured"):
        exit_of_run(msgspec.structs.replace(run, asked=("native",)), quiet)
    wrong = msgspec.structs.replace(second, status="bad variant", reason="no such allocator")
    with pytest.raises(BadInput, match="no such allocator"):
        exit_of_run(make_run(arms=(first, wrong)), quiet)


def untrained(variant, *arguments, **options):
    """A plan that lacks its profile if the variant is to have one."""
    keys = ("missing",) if variant.optimize.pgo else ()
    return msgspec.structs.replace(plan_of(variant, *arguments, **options), needs_profiles=keys)


def test_a_model_that_cannot_be_had_costs_what_is_trained_on_it_alone(maker, monkeypatch):
    def no_model(spec, **_options):
        message = f"model {spec} is out of reach"
        raise EnvironmentLacks(message, "check the network")

    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", untrained)
    monkeypatch.setattr("llamabuild.pipeline.builds.detect_machine", lambda: MACHINE)
    monkeypatch.setattr("llamabuild.pipeline.builds.resolve_source", lambda *_, **__: SOURCE)
    monkeypatch.setattr("llamabuild.pipeline.inputs.resolve_model", no_model)
    monkeypatch.setattr("llamabuild.pipeline.choose.unsupported_reason", lambda *_: "")
    request = Request(names=("native", "pgo"), sources=(SOURCE.spec,), variants_dirs=())
    made = {arm.name: arm for arm in build_variants(request, Observer())}
    assert made["native"].build is not None
    assert made["pgo"].status == "build failed"
    assert "model None is out of reach: check the network" in made["pgo"].reason


def test_the_model_of_a_trained_baseline_is_made_by_its_untrained_build(
    catalogue, maker, monkeypatch, tmp_path
):
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", untrained)
    built = []

    def execute(plan, variant, *_arguments, **_options):
        assert plan.needs_profiles == ()
        built.append(variant.optimize)
        return build_of(plan)

    def resolve(spec, *, quantize, **_options):
        with pytest.raises(BuildFailed, match="llama-quantize"):  # no program was really built
            quantize(tmp_path / "full", tmp_path / "small", "Q4_0")
        return spec

    monkeypatch.setattr("llamabuild.pipeline.inputs.execute_plan", execute)
    monkeypatch.setattr("llamabuild.pipeline.inputs.resolve_model", resolve)
    failed = SimpleNamespace(ok=False, failure=lambda: "is not there")
    monkeypatch.setattr("llamabuild.pipeline.inputs.run", lambda argv: failed)
    baseline = catalogue.get("native+lto+pgo-bolt")
    run_model("synthetic:x", SOURCE, baseline, maker, Observer())
    assert built == [Optimize(lto="default")]


@pytest.mark.parametrize(
    ("name", "workloads", "refused"),
    [
        ("pgo", ("pp64", "pp24"), "pp24"),
        ("native+bolt", ("tg5",), "tg5"),
        ("pgo", ("pp", "tg24"), ""),
        ("lto", ("pp24", "tg5"), ""),
    ],
)
def test_what_is_trained_is_not_scored_by_what_it_was_trained_on(
    catalogue, name, workloads, refused
):
    variant = catalogue.get(name)
    arms = (Arm(name=name, status="pending", reason="", variant=variant),)
    said = f"{re.escape(name)} is trained on {refused}"
    with pytest.raises(BadInput, match=said) if refused else nullcontext():
        check_request(Request(workloads=workloads), arms)


class Notes(Observer):
    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


@pytest.mark.parametrize("there", [True, False])
def test_lesser_modes_are_named_once(catalogue, maker, monkeypatch, there):
    prefix = ("setpriv",) if there else ()
    monkeypatch.setattr("llamabuild.pipeline.make.parent_death_prefix", lambda: prefix)
    monkeypatch.setattr("shutil.which", lambda name: name if there else None)
    notes = Notes()
    _, arms = chosen(catalogue, CPU, ("avx2", "native"), None)
    Maker(SOURCE, 2, notes).make_all(arms, Interrupts(), build_missing=True)
    said = [line for line in notes.said if "doctor" in line]
    assert [line.split()[1] for line in said] == ([] if there else ["setpriv", "ccache"])


def test_bench_builds_nothing(catalogue, maker):
    _, arms = chosen(catalogue, CPU, ("native",), None)
    made = maker.make_all(arms, Interrupts(), build_missing=False)
    assert {arm.status for arm in made} == {"not built"}
    assert "llamabuild build native" in made[1].reason


def test_bench_names_the_model_that_a_build_is_trained_on(catalogue, maker):
    maker.model = msgspec.structs.replace(make_model(), spec="/models/my own.gguf")
    _, arms = chosen(catalogue, CPU, ("pgo",), None)
    native, pgo = maker.make_all(arms, Interrupts(), build_missing=False)
    assert "build pgo '--model=/models/my own.gguf'" in pgo.reason
    assert "--model" not in native.reason


def test_build_trains_on_the_model_that_is_named(maker, monkeypatch):
    monkeypatch.setattr("llamabuild.pipeline.builds.detect_machine", lambda: MACHINE)
    monkeypatch.setattr("llamabuild.pipeline.builds.resolve_source", lambda *_, **__: SOURCE)
    monkeypatch.setattr("llamabuild.pipeline.choose.unsupported_reason", lambda *_: "")
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", untrained)
    monkeypatch.setattr(
        "llamabuild.pipeline.inputs.resolve_model",
        lambda spec, **_: msgspec.structs.replace(make_model(), spec=spec),
    )
    trained = []

    def ensure(variant, _source, model, **_options):
        trained.append(model.spec)
        return plan_of(variant)

    monkeypatch.setattr("llamabuild.pipeline.make.ensure_profiles", ensure)
    spec = "synthetic:tinyllama-1.1b:Q4_K_M"
    request = Request(names=("pgo",), sources=(SOURCE.spec,), variants_dirs=(), model=spec)
    [made] = build_variants(request, Observer())
    assert trained == [spec]
    assert made.build is not None


@pytest.mark.parametrize("command", [commands.build, commands.plan])
def test_build_and_plan_take_a_model(command):
    assert any("--model" in parameter.opts for parameter in command.params)


def test_a_request_to_stop_is_heard_between_builds(catalogue, maker):
    _, arms = chosen(catalogue, CPU, ("native",), None)
    interrupts = Interrupts()
    interrupts.requested = True
    with pytest.raises(Interrupted, match="goes on from there"):
        maker.make_all(arms, interrupts, build_missing=True)


def test_ctrl_c_once_asks_and_twice_stops():
    heard = []
    before = signal.getsignal(signal.SIGINT)
    with graceful_interrupts(lambda: heard.append(1)) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.requested
        assert heard == [1]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_stops_at_once_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), graceful_interrupts(lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


PERPLEXITY = """#!{python} -SE
import os, sys
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
open(sys.argv[sys.argv.index("--kl-divergence-base") + 1], "a")
print("Mean    KLD: 0.001 ± 0.0\\nMaximum KLD: 0.01\\nSame top p: 99.0 ± 0.0 %")
"""


@pytest.fixture
def compared(catalogue, maker, tmp_path):
    """Check native with these llama-bench arguments; returns its equivalence and all calls."""
    log = tmp_path / "calls"
    log.touch()

    def check(*bench):
        _, arms = chosen(catalogue, CPU, ("native",), None)
        baseline, native = maker.make_all(arms, Interrupts(), build_missing=True)
        for arm in (baseline, native):
            files = files_folder(arm.build.id)
            files.mkdir(parents=True, exist_ok=True)
            program = files / "llama-perplexity"
            program.write_text(PERPLEXITY.format(python=sys.executable, log=str(log)))
            program.chmod(0o755)
        variant = msgspec.structs.replace(native.variant, runtime=Runtime(bench=bench))
        run = make_run(arms=(baseline, msgspec.structs.replace(native, variant=variant)))
        first, second = check_all(run, Observer(), Interrupts())
        assert (first.status, second.status) == ("ready", "ready")
        return second.equivalence, log.read_text().splitlines()

    return check


def test_a_variant_is_compared_with_its_own_arguments_and_once_for_each(compared):
    _, calls = compared("-fa", "1")
    assert ["--flash-attn 1" in call for call in calls] == [False, False, True, True]
    assert len(compared("--flash-attn", "1", "--poll", "0")[1]) == 4, "remembered"
    _, calls = compared("-fa", "0")
    assert len(calls) == 8
    assert "--flash-attn 0" in calls[-1]


def test_an_argument_that_nobody_knows_is_named_each_time(compared):
    for _ in range(2):
        equivalence, calls = compared("--odd", "1")
        assert equivalence.verdict == "same"
        assert "--odd 1" in equivalence.reason
    assert len(calls) == 4


def test_another_format_is_no_other_output_but_another_build_is_checked_with_it(
    catalogue, maker, tmp_path
):
    log = tmp_path / "calls"
    log.touch()
    names = ("avx2+quantization=Q8_0", "native+quantization=Q8_0")
    _, arms = chosen(catalogue, CPU, ("avx2", *names), "avx2")
    made = list(maker.make_all(arms, Interrupts(), build_missing=True))
    own = msgspec.structs.replace(make_model("/nowhere/other.gguf"), sha256="c" * 64)
    made[1:] = [msgspec.structs.replace(arm, model=own) for arm in made[1:]]
    made[1] = msgspec.structs.replace(made[1], build=made[0].build)
    for arm in made:
        files = files_folder(arm.build.id)
        files.mkdir(parents=True, exist_ok=True)
        program = files / "llama-perplexity"
        program.write_text(PERPLEXITY.format(python=sys.executable, log=str(log)))
        program.chmod(0o755)
    first, second, third = check_all(make_run(arms=tuple(made)), Observer(), Interrupts())
    assert [arm.status for arm in (first, second, third)] == ["ready"] * 3
    assert second.equivalence.reason == "built and run as avx2, with another model"
    assert second.equivalence.mean_kl_divergence is None
    assert third.equivalence.mean_kl_divergence == 0.001
    calls = log.read_text().splitlines()
    assert len(calls) == 4
    assert all("-m /nowhere/other.gguf" in call for call in calls)
