"""Several source trees in one run: names, who is built from which, and one that cannot be had."""

import msgspec
import pytest

from llamabuild.bench.equivalence import Setting, check_equivalence
from llamabuild.build.layouts import layout_of
from llamabuild.build.lookup import what_to_inspect
from llamabuild.build.plan import make_plan, reproduction
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.interrupts import Interrupts
from llamabuild.pipeline.check import check_all
from llamabuild.pipeline.make import Maker
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.sources import Sources, source_labels
from llamabuild.source.spec import parse_source
from llamabuild.store.builds import files_folder
from llamabuild.types.build import Build, BuiltFile, Plan
from llamabuild.types.machine import Tool
from llamabuild.types.run import Arm
from llamabuild.types.variant import Expectation, Runtime
from llamabuild.variants import CannotCombine, load_catalogue
from tests.runs import CPU, SOURCE, chosen, make_run

OLD = "pypi:llama-cpp-python==0.3.30"
FORK = "pypi:ik-llama-cpp-python==0.1.5"


@pytest.mark.parametrize(
    ("specs", "labels"),
    [
        (["pypi:a==1", "pypi:a==2.0"], ["1", "2.0"]),
        (["pypi:a==1", "pypi:b==1", "pypi:a==1"], ["1", "b-1"]),
        (["git:https://h/x.git@feature/simd"], ["feature-simd"]),
        (["git:https://h/x.git@" + "0123456789" * 4], ["012345678"]),
        (["path:/a/llama.cpp", "path:/b/llama.cpp"], ["llama.cpp", "b-llama.cpp"]),
        (["path:/a/c/x", "path:/b/c/x", "path:/d/c/x"], ["x", "c-x", "c-x-2"]),
        (["path:/a/b+c@d"], ["b-c-d"]),
    ],
)
def test_sources_have_short_names_that_differ(specs, labels):
    assert list(source_labels(specs).values()) == labels


def test_what_is_no_source_is_refused_before_anything_is_fetched():
    with pytest.raises(BadInput, match="none of pypi:"):
        source_labels([OLD, "pip:x==1"])


@pytest.fixture
def catalogue():
    return load_catalogue(SOURCE.spec, [])


def test_each_wanted_variant_takes_part_once_for_each_source(catalogue):
    baseline, arms = chosen(catalogue, CPU, ("native", "ik"), None, (SOURCE.spec, OLD))
    assert baseline == "native"
    assert [arm.name for arm in arms] == ["native", "native@0.3.30", "ik"]
    assert [arm.variant.name for arm in arms] == [arm.name for arm in arms]
    assert [arm.variant.source for arm in arms] == [SOURCE.spec, OLD, FORK]
    assert arms[1].variant.cmake == arms[0].variant.cmake


@pytest.mark.parametrize(
    ("names", "named", "baseline", "arms"),
    [
        (("native",), None, "native", ["native", "native@0.3.30"]),
        (("ik", "lto", "o2"), None, "lto", ["ik", "lto", "lto@0.3.30", "o2", "o2@0.3.30"]),
        (("avx512", "native"), None, "native", ["avx512", "avx512@0.3.30", "native"]),
        (("native",), "avx2", "avx2", ["avx2", "native", "native@0.3.30"]),
        (("ik",), None, "native", ["native", "ik"]),
    ],
)
def test_versions_are_compared_with_each_other(catalogue, names, named, baseline, arms):
    chosen_baseline, chosen_arms = chosen(catalogue, CPU, names, named, (SOURCE.spec, OLD))
    assert chosen_baseline == baseline
    assert [arm.name for arm in chosen_arms][: len(arms)] == arms


def test_without_names_versions_have_the_usual_baseline(catalogue):
    baseline, arms = chosen(catalogue, CPU, (), None, (SOURCE.spec, OLD))
    assert baseline == "avx2"
    assert "avx2@0.3.30" in [arm.name for arm in arms]


def test_with_one_source_everything_is_as_without(catalogue):
    for sources in ((), (SOURCE.spec,)):
        _, arms = chosen(catalogue, CPU, ("native",), "native", sources)
        assert [arm.name for arm in arms] == ["native"]


def plan_of(variant, source, **_options):
    return Plan(
        build_id=f"id-{variant.name.removesuffix('-rtr')}-{source.version}",
        variant=variant.name,
        source_digest=source.digest,
        steps=(),
        compilers=(),
        native_resolution="",
        outputs=(),
    )


def build_of(plan, files=()):
    return Build(
        id=plan.build_id,
        plan=plan,
        files=files,
        seconds=1,
        cpu_seconds=1,
        size_bytes=1,
        compiled=1,
        cache_hits=-1,
        created="2026-11-22T12:00:00+00:00",
    )


class Kitchen:
    """Stands in for fetching, planning and compiling; remembers what was asked for."""

    def __init__(self):
        self.fetched, self.built = [], []
        self.missing = {}

    def fetch(self, spec, *, on_progress):
        self.fetched.append(spec)
        on_progress(f"fetching {spec}")
        if spec in self.missing:
            raise self.missing[spec]
        version = parse_source(spec).version
        return msgspec.structs.replace(
            SOURCE, spec=spec, version=version, digest=version, tree=f"/tree/{version}"
        )

    def build(self, plan, variant, tree, **_options):
        self.built.append((variant.name, str(tree)))
        if "broken" in self.missing and variant.name.startswith("ik"):
            message = f"{variant.name}: compile failed"
            raise BuildFailed(message)
        return build_of(plan), False


@pytest.fixture
def kitchen(monkeypatch):
    kitchen = Kitchen()
    monkeypatch.setattr("llamabuild.pipeline.sources.resolve_source", kitchen.fetch)
    monkeypatch.setattr(
        "llamabuild.pipeline.sources.resolve_again",
        lambda source, on_progress: kitchen.fetch(source.spec, on_progress=on_progress),
    )
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", plan_of)
    monkeypatch.setattr("llamabuild.build.order.load_build", lambda build_id: None)
    monkeypatch.setattr("llamabuild.pipeline.make.execute_plan", kitchen.build)
    return kitchen


def made(catalogue, *, build_missing=True):
    sources = (SOURCE.spec, OLD)
    _, arms = chosen(catalogue, CPU, ("native", "ik", "ik-rtr"), "native", sources)
    maker = Maker(SOURCE, 2, Observer())
    ready = maker.make_all(arms, Interrupts(), build_missing=build_missing)
    return {arm.name: arm for arm in ready}


def test_each_arm_is_built_from_its_own_tree_fetched_once(catalogue, kitchen):
    arms = made(catalogue)
    assert sorted(kitchen.fetched) == sorted([OLD, FORK])
    assert dict(kitchen.built) == {
        "native": "/nowhere",
        "native@0.3.30": "/tree/0.3.30",
        "ik": "/tree/0.1.5",
        "ik-rtr": "/tree/0.1.5",
    }
    assert arms["native"].source is None
    assert arms["native@0.3.30"].source.spec == OLD
    assert arms["ik"].source.digest == "0.1.5"
    assert arms["ik"].build.id == arms["ik-rtr"].build.id


TILED = "ggml/src/ggml-cpu/tiled/tiled.cpp"


def test_a_tree_without_what_a_variant_switches_is_no_copy_of_its_base(
    catalogue, kitchen, tmp_path
):
    (tmp_path / TILED).parent.mkdir(parents=True)
    (tmp_path / TILED).touch()
    _, arms = chosen(catalogue, CPU, ("native", "no-tiled"), "native", (SOURCE.spec, OLD))
    source = msgspec.structs.replace(SOURCE, tree=str(tmp_path))
    ready = Maker(source, 2, Observer()).make_all(arms, Interrupts(), build_missing=True)
    found = {arm.name: arm for arm in ready}
    assert found["no-tiled"].build
    assert found["native@0.3.30"].build
    assert found["no-tiled@0.3.30"].status == "unsupported"
    assert found["no-tiled@0.3.30"].reason == f"its source (0.3.30) has no {TILED}"


def test_the_fork_is_not_joined_with_a_switch_that_it_lacks(catalogue):
    with pytest.raises(CannotCombine, match="the fork has no tiled matmul"):
        catalogue.get("ik+no-tiled")
    with pytest.raises(CannotCombine, match="the fork has no tiled matmul"):
        catalogue.get("ik-rtr+no-tiled")
    assert catalogue.get("native+gcc+no-tiled").requires.source_files == (TILED,)


@pytest.mark.parametrize(
    "error", [EnvironmentLacks("no network", "check it"), BadInput("no such version", "see pip")]
)
def test_a_source_that_cannot_be_had_costs_its_own_arms_only(catalogue, kitchen, error):
    kitchen.missing[FORK] = error
    arms = made(catalogue)
    for name in ("ik", "ik-rtr"):
        assert arms[name].status == "build failed"
        assert f"{name}: its source cannot be had: {error.message}" in arms[name].reason
    assert arms["native"].build
    assert arms["native@0.3.30"].build
    assert kitchen.fetched.count(FORK) == 1


def test_a_build_that_failed_is_not_tried_again_for_a_variant_that_only_runs_otherwise(
    catalogue, kitchen
):
    kitchen.missing["broken"] = None
    arms = made(catalogue)
    assert [name for name, _ in kitchen.built if name.startswith("ik")] == ["ik"]
    assert arms["ik-rtr"].status == "build failed"


def test_what_is_not_built_names_the_command_that_builds_it(catalogue, kitchen):
    arms = made(catalogue, build_missing=False)
    assert {arm.status for arm in arms.values()} == {"not built"}
    assert "llamabuild build ik-rtr'" in arms["ik-rtr"].reason
    assert f"llamabuild build native --source={OLD}'" in arms["native@0.3.30"].reason
    assert kitchen.built == []


def test_a_tree_that_changed_since_the_run_is_refused(catalogue, kitchen):
    arm = made(catalogue)["ik"]
    sources = Sources(SOURCE, Observer())
    assert sources.check_unchanged(arm) == arm.source
    changed = msgspec.structs.replace(arm.source, digest="other")
    with pytest.raises(BadInput, match="has changed since"):
        sources.check_unchanged(msgspec.structs.replace(arm, source=changed))
    assert sources.check_unchanged(Arm(name="native", status="ready", reason="")) is None


@pytest.fixture
def examples_tree(tmp_path):
    """A tree like those that have llama-bench among the examples."""
    program = tmp_path / "examples" / "llama-bench" / "CMakeLists.txt"
    program.parent.mkdir(parents=True)
    program.touch()
    return msgspec.structs.replace(SOURCE, tree=str(tmp_path))


def test_a_tree_s_layout_decides_what_its_build_is_told(catalogue, examples_tree, monkeypatch):
    tool = Tool(name="cc", path="/usr/bin/cc", version="1", sha256="2")
    monkeypatch.setattr("llamabuild.build.plan.find_tool", lambda *_, **__: tool)
    monkeypatch.setattr("llamabuild.build.plan.native_resolution", lambda path: "")
    variant = catalogue.get("native")

    def plan(source, **changes):
        changed = msgspec.structs.replace(variant, **changes)
        return make_plan(changed, source, jobs=1, compiler_cache=False)

    present, older = plan(SOURCE), plan(examples_tree)
    assert present.build_id != older.build_id
    assert "-DLLAMA_BUILD_EXAMPLES=ON" in older.steps[0].argv
    assert not any(
        "examples_tree" in word or "EXAMPLES=ON" in word for word in present.steps[0].argv
    )
    own = plan(examples_tree, cmake={**variant.cmake, "LLAMA_ALL_WARNINGS": "ON"})
    assert "-DLLAMA_ALL_WARNINGS=ON" in own.steps[0].argv, "the variant has the last word"
    provide, configure, _ = older.by_hand
    assert "-DLLAMA_BUILD_EXAMPLES=ON" in configure
    assert "llama.cpp/common/cmake/build-info-gen-cpp.cmake" in provide
    assert not any("{" in word for word in configure)
    assert layout_of(examples_tree).identity() != layout_of(SOURCE).identity() == ""
    assert reproduction(variant) == present.by_hand


@pytest.mark.parametrize("library", ["libggml-cpu.so.0.1", "libggml.so"])
def test_the_library_with_the_kernels_is_found_wherever_a_tree_has_it(catalogue, library):
    plan = plan_of(catalogue.get("native"), SOURCE)
    others = ["libggml.so.0", "libggml-base.so"] if "cpu" in library else []
    names = [library, "libllama.so", *others]
    files = tuple(BuiltFile(path=n, size_bytes=1, sha256="") for n in dict.fromkeys(names))
    expected = (
        Expectation(binary="libggml-cpu*", require=("avx2",)),
        Expectation(binary="libllama*", forbid=("amx",)),
    )
    paths, adapted = what_to_inspect(build_of(plan, files), expected)
    assert library in {path.name for path in paths}
    assert "libllama.so" in {path.name for path in paths}
    assert "libggml-base.so" not in {path.name for path in paths}
    pattern = "libggml-cpu*" if "cpu" in library else "libggml.so*"
    assert [e.binary for e in adapted] == [pattern, "libllama*"]


@pytest.mark.parametrize(
    ("said", "status", "other", "own"),
    [
        ("error: unknown argument: --no-host", 1, "not checked", "different"),
        ("kl_divergence: inconsistent vocabulary (3 vs 4)", 0, "not checked", "different"),
        ("Segmentation fault", 139, "different", "different"),
        ("Mean KLD: nan", 0, "different", "different"),
    ],
)
def test_what_another_tree_refuses_is_not_checked(tmp_path, said, status, other, own):
    program = tmp_path / "llama-perplexity"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {status}\n")
    program.chmod(0o755)
    setting = Setting(model=tmp_path / "m", references=tmp_path, threads=1)
    for other_tree, verdict in ((True, other), (False, own)):
        found = check_equivalence(program, Runtime(), setting, other_tree=other_tree)
        assert found.verdict == verdict
        assert (said in found.reason) == (verdict == "not checked" or status > 0)


PERPLEXITY = """#!/bin/sh
echo 'Mean KLD: 0.001'; echo 'Maximum KLD: 0.1'; echo 'Same top p: 99.0'
while [ $# -gt 1 ]; do
  if [ "$1" = --kl-divergence-base ]; then : >> "$2"; fi
  shift
done
"""
BENCH = "#!/bin/sh\necho '  -o, --output <csv|json>'\necho '  -t, --threads <n>'\n"


def test_an_option_that_a_llama_bench_lacks_is_its_arm_s_reason(catalogue, kitchen):
    native, _, ik, rtr = made(catalogue).values()
    for arm in (native, ik):
        folder = files_folder(arm.build.id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"llama-perplexity": PERPLEXITY, "llama-bench": BENCH}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
    run = msgspec.structs.replace(make_run(arms=(native, ik, rtr)), baseline="native")
    checked = check_all(run, Observer(), Interrupts())
    assert [arm.status for arm in checked] == ["ready", "ready", "unsupported"]
    assert checked[2].reason == "its llama-bench has no -rtr 1"
    assert checked[1].equivalence.verdict == "same"
    lacking = msgspec.structs.replace(run, baseline="ik-rtr")
    with pytest.raises(BadInput, match="the baseline ik-rtr: its llama-bench has no -rtr 1"):
        check_all(lacking, Observer(), Interrupts())
