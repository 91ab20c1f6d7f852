"""From a setting that names a program to its build and its arms, or the reason why not."""

from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.build import make_plan
from llamabuild.build.programs import lacking_program, programs
from llamabuild.errors import BadInput
from llamabuild.interrupts import Interrupts
from llamabuild.pipeline import prompts
from llamabuild.pipeline.fitting import without_the_too_large
from llamabuild.pipeline.inputs import (
    check_draft,
    check_program,
    check_request,
    refuse_program,
)
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.prompts import trial_inputs
from llamabuild.pipeline.request import Request
from llamabuild.report.copies import with_copies_named
from llamabuild.types.inputs import Traffic
from llamabuild.types.machine import Tool
from llamabuild.types.run import Arm, Workload
from llamabuild.variants import load_catalogue
from llamabuild.variants.settings import settings
from tests.runs import MACHINE, SOURCE, TG, make_model, make_run


def variant(name):
    return load_catalogue(SOURCE.spec, []).get(name)


def arm(name, status="pending"):
    return Arm(name=name, status=status, reason="", variant=variant(name))


@pytest.fixture
def plan(monkeypatch):
    def find_tool(name, *, hash_content=False):
        digest = f"digest of {name}" if hash_content else ""
        return Tool(name=name, path=f"/usr/bin/{name}", version="1", sha256=digest)

    monkeypatch.setattr("llamabuild.build.plan.find_tool", find_tool)
    monkeypatch.setattr("llamabuild.build.plan.native_resolution", lambda path: "-march=x")
    return lambda name: make_plan(variant(name), SOURCE, jobs=2, compiler_cache=True)


def test_a_program_is_built_with_the_others_under_an_id_of_its_own(plan):
    plain, batched = plan("avx2"), plan("avx2+parallel=4")
    assert batched.outputs == (*plain.outputs, "llama-batched-bench")
    assert batched.build_id != plain.build_id
    assert plan("avx2+parallel=1").build_id == batched.build_id
    assert "llama-batched-bench" in batched.steps[-1].argv
    assert "llama-batched-bench" in batched.by_hand[1]
    assert plan("avx2+threads=4").build_id == plain.build_id


def test_examples_are_configured_only_for_what_is_among_them(plan):
    examples = "-DLLAMA_BUILD_EXAMPLES=ON"
    assert examples in plan("avx2+speculative=off").steps[0].argv
    assert examples not in plan("avx2+prompt-cache=on").steps[0].argv


def test_every_program_of_a_setting_has_its_place():
    assert {s.program for s in settings().values() if s.program} == set(programs())


def test_a_tree_without_the_program_is_a_reason(tmp_path):
    source = msgspec.structs.replace(SOURCE, tree=str(tmp_path), version="0.2.0")
    lack = lacking_program(variant("native+prompt-cache=on"), source)
    assert lack == "its source (0.2.0) has no llama-completion; name a newer one with --source"
    (tmp_path / "tools/completion").mkdir(parents=True)
    assert not lacking_program(variant("native+prompt-cache=on"), source)
    assert not lacking_program(variant("native"), source)


def test_allocators_that_are_linked_are_not_in_the_program(tmp_path):
    (tmp_path / "tools/batched-bench").mkdir(parents=True)
    source = msgspec.structs.replace(SOURCE, tree=str(tmp_path))
    lack = lacking_program(variant("native+hugealloc-linked+parallel=2"), source)
    assert "not linked to llama-batched-bench" in lack
    assert not lacking_program(variant("native+hugealloc+parallel=2"), source)


def test_two_programs_are_not_compared():
    with pytest.raises(BadInput, match="runs llama-bench and 'native.parallel=2' llama-batched"):
        check_program(Request(), [arm("native"), arm("native+parallel=2")])
    both = [arm("native+parallel=1"), arm("native+parallel=2")]
    assert check_program(Request(), both) == "llama-batched-bench"
    assert check_program(Request(), [arm("native")]) == ""


def test_a_draft_model_is_named_where_it_is_needed_and_only_there():
    arms = [arm("native+speculative=off"), arm("native+speculative=draft")]
    with pytest.raises(BadInput, match="needs a draft model.*--draft-model"):
        check_program(Request(), arms)
    with pytest.raises(BadInput, match="there is no preset 'tinny'"):
        check_program(Request(draft_model="synthetic:tinny"), arms)
    assert check_program(Request(draft_model="default"), arms)
    with pytest.raises(BadInput, match="sweep speculative off draft"):
        check_program(Request(draft_model="default"), arms[:1])


def test_a_draft_model_of_another_vocabulary_is_refused():
    model = make_model()
    check_draft(model, msgspec.structs.replace(model, vocabulary=model.vocabulary - 128))
    other = msgspec.structs.replace(model, spec="d.gguf", vocabulary=32_000)
    says = "d.gguf does not fit: it has 32,000 tokens, the model's 49,152.*same family"
    with pytest.raises(BadInput, match=says):
        check_draft(model, other)


def test_what_is_trained_may_be_scored_by_workloads_of_other_programs():
    arms = [arm("native+pgo+prompt-cache=off")]
    check_request(Request(workloads=("ttft128",)), arms, check_program(Request(), arms))
    with pytest.raises(BadInput, match="trained on pp24"):
        check_request(Request(workloads=("pp24",)), [arm("native+pgo")])


def test_only_llama_bench_is_profiled_and_optimized():
    with pytest.raises(BadInput, match="'profile' only llama-bench"):
        refuse_program(variant("native+parallel=2"), "profile")
    refuse_program(variant("native+threads=2"), "profile")


def test_more_sequences_than_the_memory_holds_are_not_tried():
    traffic = Traffic(
        bytes_per_token={},
        operations_per_token={},
        last_token_operations={},
        kv_bytes_per_position=1 << 20,
        attention_operations_per_position=0,
    )
    model = msgspec.structs.replace(make_model(), traffic=traffic)
    machine = msgspec.structs.replace(MACHINE, memory_bytes=4 << 30)
    run = msgspec.structs.replace(make_run(model=model, workloads=(TG,)), machine=machine)
    few, many = without_the_too_large(run, [arm("native+parallel=4"), arm("native+parallel=64")])
    assert few.status == "pending"
    assert many.status == "unsupported"
    assert many.reason == "model and KV cache need 17.3 GB, this machine has 4.3"


def test_points_of_one_build_are_no_copies_of_each_other():
    def result(name):
        runtime = variant(name).runtime
        settings = SimpleNamespace(
            environment={},
            bench_arguments=runtime.bench,
            launcher=(),
            allocator="",
            program=runtime.program,
            mode=runtime.mode,
        )
        return SimpleNamespace(name=name, build=SimpleNamespace(id="b"), settings=settings)

    both = [result("native+parallel=1"), result("native+parallel=4")]
    assert with_copies_named(both, "native+parallel=1") == tuple(both)


def test_prompts_last_as_long_as_the_trials(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path))
    load = Workload(name="gen32", kind="gen", tokens=32, seconds=0.25, max_repetitions=1)
    run = make_run(workloads=(load,), arms=(arm("avx2", "ready"),))
    with trial_inputs(run, None, None) as inputs:
        path = inputs.prompts["gen32"]
        assert path.is_relative_to(tmp_path)
        assert path.read_text().startswith("A program that runs twice")
    assert not path.exists()
    with trial_inputs(make_run(), None, None) as inputs:
        assert not inputs.prompts


@pytest.fixture
def saving(monkeypatch, tmp_path):
    """The programs that read prompts, replaced; what they were asked to save."""
    saved = []
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path))
    monkeypatch.setattr(prompts, "_program", lambda arm: arm.name)
    monkeypatch.setattr(prompts, "tokens_of", lambda *_: [f" {word}" for word in TEXT.split()])
    monkeypatch.setattr(prompts, "save_prefix", lambda name, task, _: saved.append((name, task)))
    return saved


TEXT = "A program that runs twice as fast is worth having only if it still gives the right answer."


def waiting(tokens):
    load = Workload(
        name=f"ttft{tokens}", kind="ttft", tokens=tokens, seconds=0.25, max_repetitions=1
    )
    arms = tuple(arm(f"native+prompt-cache={mode}", "ready") for mode in ("off", "on"))
    run = make_run(workloads=(load,), arms=arms)
    return msgspec.structs.replace(run, baseline=arms[0].name)


def test_the_beginning_of_a_prompt_is_saved_for_the_arm_that_reads_it(saving):
    with trial_inputs(waiting(12), Observer(), Interrupts()) as inputs:
        prompt = inputs.prompts["ttft12"].read_text()
        [(name, task)] = saving
        assert name == "native+prompt-cache=on"
        assert inputs.prefixes == {(name, "ttft12"): task.prefix}
        assert prompt == "A program that runs twice as fast is worth having only if"
        assert task.prompt.read_text() == "A program that runs twice as"


def test_a_prompt_too_short_to_be_parted_is_refused(saving):
    with (
        pytest.raises(BadInput, match="'ttft1' is too short.*ttft64"),
        trial_inputs(waiting(1), Observer(), Interrupts()),
    ):
        pass
    assert not saving
