"""What profiles do to plans: flags, steps, ids, and what is still to be made."""

from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.bench.workloads import facts
from llamabuild.build import make_plan, ordered_plans
from llamabuild.build.plan import instrumented_plan
from llamabuild.build.training import training, training_arguments, training_command
from llamabuild.errors import BadInput
from llamabuild.types.machine import Tool
from llamabuild.types.variant import Optimize, Toolchain
from llamabuild.variants import load_catalogue
from tests.runs import SOURCE
from tests.unit.test_profiles_store import MODEL, stored

GCC, CLANG = "gcc (Debian 12.2.0-14) 12.2.0", "Debian clang version 19.1.7"
GCC_CC = Toolchain()
CLANG_19 = Toolchain(c="clang-19", cxx="clang++-19")


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    """Tools with known identities; the test changes them to see what depends on them."""
    checked: list[str] = []

    def check(family, compiler):
        checked.append(family)

    known = SimpleNamespace(compiler=GCC, bolt="LLVM 19", checked=checked, check=check)

    def find_tool(name, *, hash_content=False):
        return Tool(name=name, path=f"/usr/bin/{name}", version=known.compiler, sha256="c" * 8)

    monkeypatch.setattr("llamabuild.build.plan.find_tool", find_tool)
    monkeypatch.setattr("llamabuild.build.pgo.find_tool", find_tool)
    monkeypatch.setattr("llamabuild.build.plan.check_tools", known.check)
    monkeypatch.setattr("llamabuild.build.plan.native_resolution", lambda path: "-march=znver4")
    monkeypatch.setattr(
        "llamabuild.build.bolt.bolt_tool",
        lambda: Tool(name="llvm-bolt-19", path="/x", version=known.bolt, sha256=known.bolt),
    )
    return known


def variant(name="native", **changes):
    return msgspec.structs.replace(load_catalogue(SOURCE.spec, []).get(name), **changes)


def plan(model=MODEL, source=SOURCE, toolchain=GCC_CC, name="native", **wishes):
    wished = variant(name, optimize=Optimize(**wishes), toolchain=toolchain)
    return make_plan(wished, source, jobs=2, compiler_cache=True, model_sha256=model)


def trained(made, index=-1, model=MODEL, **changes):
    """Store the profile that a provisional plan asks for."""
    program = made.needs_profiles[index].partition("-")[0]
    return stored(program, model, **changes)


def test_training_is_disjoint_from_what_is_scored():
    arguments = training().arguments
    scored = {tokens for size in facts().sizes for tokens in size.tokens.values()}
    for option in ("-p", "-n"):
        assert int(arguments[arguments.index(option) + 1]) not in scored
    assert arguments[arguments.index("-t") + 1] == "1"


def test_without_a_profile_the_plan_is_provisional():
    made = plan(pgo=True)
    [key] = made.needs_profiles
    assert made.profiles == ()
    assert key.endswith(MODEL[:8])
    assert plan().needs_profiles == ()


def test_with_its_profile_the_plan_is_final_and_its_id_covers_the_data():
    provisional = plan(pgo=True)
    profile = trained(provisional)
    final = plan(pgo=True)
    assert final.profiles == (profile,)
    assert final.needs_profiles == ()
    trained(provisional, content="other counters")
    other = plan(pgo=True)
    assert len({provisional.build_id, final.build_id, other.build_id, plan().build_id}) == 4


def test_who_only_looks_finds_the_build_of_whatever_was_trained():
    trained(plan(pgo=True))
    assert plan(pgo=True, model="").build_id == plan(pgo=True).build_id


def test_a_profile_of_another_source_compiler_flag_or_model_is_not_taken(tools):
    trained(plan(pgo=True))
    assert plan(pgo=True).needs_profiles == ()
    others = [
        plan(pgo=True, source=msgspec.structs.replace(SOURCE, digest="e" * 64)),
        plan(pgo=True, source=msgspec.structs.replace(SOURCE, tree="/elsewhere")),
        plan(pgo=True, model="c" * 64),
        plan(pgo=True, name="avx2"),
        plan(pgo=True, level="2"),
    ]
    tools.compiler = "gcc (Debian 13.1.0) 13.1.0"
    others.append(plan(pgo=True))
    assert all(len(other.needs_profiles) == 1 for other in others)
    assert len({other.needs_profiles for other in others}) == len(others)


def test_gcc_gets_its_counters_beside_the_object_files():
    key = trained(plan(pgo=True)).key
    final = plan(pgo=True)
    assert [step.name for step in final.steps] == ["configure", "profile", "compile"]
    data = f"{{cache}}/profiles/{key}/data"
    assert final.steps[1].argv == ("{cmake}", "-E", "copy_directory", data, "{build}")
    flags = "-fprofile-use;-fprofile-partial-training;-Wno-missing-profile"
    assert f"-DLLAMABUILD_LIBRARY_C_FLAGS={flags}" in final.steps[0].argv
    assert "-DLLAMABUILD_LIBRARY_UNCACHED=ON" in final.steps[0].argv


def test_clang_reads_the_merged_profile(tools):
    tools.compiler = CLANG
    key = trained(plan(pgo=True, toolchain=CLANG_19)).key
    final = plan(pgo=True, toolchain=CLANG_19)
    assert [step.name for step in final.steps] == ["configure", "compile"]
    flag = f"-fprofile-use={{cache}}/profiles/{key}/data/merged.profdata"
    assert f"-DLLAMABUILD_LIBRARY_CXX_FLAGS={flag}" in final.steps[0].argv


def test_only_what_training_needs_is_instrumented():
    wished = variant(optimize=Optimize(pgo=True, bolt=True, level="2"))
    made, program = instrumented_plan(wished, SOURCE, jobs=2, compiler_cache=True)
    configure, compile_step = made.steps
    assert compile_step.argv[-1] == "llama-bench"
    assert "llama-quantize" not in compile_step.argv
    flags = "-O2;-fprofile-generate;-fprofile-update=single;-fno-ivopts"
    assert f"-DLLAMABUILD_LIBRARY_CXX_FLAGS={flags}" in configure.argv
    assert "-DLLAMABUILD_LIBRARY_UNCACHED=ON" in configure.argv
    assert not any("emit-relocs" in argument for argument in configure.argv)
    alone = msgspec.structs.replace(wished, optimize=Optimize(pgo=True, level="2"))
    assert instrumented_plan(alone, SOURCE, jobs=2, compiler_cache=True)[1] == program


def test_bolt_goes_on_where_the_compiler_ends():
    provisional = plan(bolt=True)
    assert len(provisional.needs_profiles) == 1
    libraries = ("libggml-cpu.so.0.25", "libllama.so.0.1")
    profile = trained(provisional, kind="bolt", files=tuple(f"{n}.fdata" for n in libraries))
    final = plan(bolt=True)
    assert final.profiles == (profile,)
    assert [s.name for s in final.steps] == ["configure", "compile", *("bolt",) * 4]
    rewritten = [step.argv for step in final.steps if "{bolt}" in step.argv]
    for argv, library in zip(rewritten, libraries, strict=True):
        assert argv[1:4] == (f"{{build}}/bin/{library}", "-o", f"{{build}}/bolt/{library}")
        assert f"-data={{cache}}/profiles/{profile.key}/data/{library}.fdata" in argv
    assert final.steps[-1].argv[-1] == "{build}/bin"
    assert final.input not in {"", final.build_id, plan().build_id}


def test_bolt_s_profile_belongs_to_one_bolt_and_one_build(tools):
    first = plan(bolt=True)
    trained(first)
    assert plan(bolt=True).needs_profiles == ()
    assert plan(bolt=True, name="avx2").needs_profiles != ()
    tools.bolt = "LLVM 20"
    assert plan(bolt=True).needs_profiles not in {(), first.needs_profiles}


def test_pgo_and_bolt_want_a_profile_each_in_their_order():
    provisional = plan(pgo=True, bolt=True)
    assert len(provisional.needs_profiles) == 2
    assert provisional.needs_profiles[0] == plan(pgo=True).needs_profiles[0]
    first = trained(provisional, 0)
    halfway = plan(pgo=True, bolt=True)
    assert len(halfway.needs_profiles) == 1
    assert halfway.needs_profiles[0] != provisional.needs_profiles[1]  # of the real input now
    second = trained(halfway, content="branches", kind="bolt")
    assert plan(pgo=True, bolt=True).profiles == (first, second)


def test_bolt_on_static_libraries_is_refused():
    static = variant(optimize=Optimize(bolt=True), cmake={"BUILD_SHARED_LIBS": "OFF"})
    with pytest.raises(BadInput, match="this is static"):
        make_plan(static, SOURCE, jobs=2, compiler_cache=True)


def test_an_estimate_has_the_profiles_in_it():
    def seconds(**wishes):
        wished = variant(optimize=Optimize(**wishes))
        [estimate] = ordered_plans([(wished, plan(**wishes))], jobs=2, compiler_cache=True)
        return estimate.seconds

    assert seconds() < seconds(bolt=True) < seconds(pgo=True) < seconds(pgo=True, bolt=True)
    trained(plan(pgo=True))
    assert seconds(pgo=True) == seconds()


def test_by_hand_a_profile_is_trained_between_two_builds():
    commands = plan(pgo=True).by_hand
    assert [c[0] for c in commands] == ["cmake", "cmake", "build-native/bin/llama-bench"] + [
        "cmake"
    ] * 2
    assert any("-fprofile-generate" in argument for argument in commands[0])
    assert any("-fprofile-use" in argument for argument in commands[3])
    assert commands[2][1:3] == ("-m", "MODEL.gguf")


def test_by_hand_clang_merges_and_bolt_follows(tools):
    tools.compiler = CLANG
    commands = plan(pgo=True, bolt=True, toolchain=CLANG_19).by_hand
    merge = next(c for c in commands if c[0] == "llvm-profdata-19")
    assert merge[-2:] == ("merged.profdata", "counters")
    assert any("-fprofile-use=../merged.profdata" in a for c in commands for a in c)
    assert sum(c[0].endswith("llvm-bolt") for c in commands) == 4
    assert all("{" not in argument for command in commands for argument in command)


def test_what_reads_profiles_is_looked_for_before_a_long_build(tools):
    plan(bolt=True)
    assert tools.checked == []
    provisional = plan(pgo=True)
    assert tools.checked == ["gcc"]
    trained(provisional)
    plan(pgo=True)
    assert tools.checked == ["gcc"]  # who has the profile needs it no more


@pytest.mark.parametrize(
    ("folder", "text", "kept"),
    [
        ("tools", 'printf("  --no-warmup ...");', True),
        ("examples", "no such option", False),
        ("elsewhere/deep", "nothing to read", True),
    ],
)
def test_a_program_is_trained_without_the_options_that_it_lacks(tmp_path, folder, text, kept):
    place = tmp_path / folder / "llama-bench"
    place.mkdir(parents=True)
    (place / "llama-bench.cpp").write_text(text)
    assert ("--no-warmup" in training_arguments(tmp_path)) == kept
    assert ("--no-warmup" in training_command(tmp_path)) == kept
    assert {"-p", "-n", "-t"} <= set(training_arguments(tmp_path))
