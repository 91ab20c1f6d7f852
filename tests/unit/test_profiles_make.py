"""Making profiles: instrument, train, merge; and what is left when something of it fails."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.build import ensure_profiles, execute_plan, make_plan
from llamabuild.build.execute import _cache_statistics, run_steps
from llamabuild.build.pgo import Trained
from llamabuild.errors import BuildFailed
from llamabuild.store.builds import files_folder, published_builds
from llamabuild.store.paths import cache_dir, state_dir
from llamabuild.store.profiles import load_profile, profile_data, profile_folder
from llamabuild.types.build import Stage, Step
from llamabuild.types.machine import Tool
from llamabuild.types.variant import Optimize, Runtime
from llamabuild.variants import load_catalogue
from tests.runs import SOURCE, make_model

MODEL = make_model()
COUNTS = """
import os, pathlib, sys
assert sys.argv[1:3] == ["-m", "/nowhere/model.gguf"], sys.argv
assert "--poll" not in sys.argv
folder = pathlib.Path(__file__).resolve().parent
"""
TRAINED = COUNTS + '(folder.parent / "a.c.gcda").write_text("counters")\n'
LIBRARIES = ("libggml-cpu.so.0", "libllama.so.0")


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    """Compilers and readers that only pretend."""
    known = SimpleNamespace(bench=TRAINED, counted=Trained(10, 4), bolted=True)

    def find_tool(name, **_):
        path = shutil.which(name) or f"/usr/bin/{name}"
        return Tool(name=name, path=path, version="gcc 12.2.0", sha256="c" * 8)

    for room in ("plan", "execute", "profiles", "pgo"):
        monkeypatch.setattr(f"llamabuild.build.{room}.find_tool", find_tool)
    monkeypatch.setattr("llamabuild.build.plan.check_tools", lambda *_: None)
    monkeypatch.setattr("llamabuild.build.plan.native_resolution", lambda path: "-march=znver4")
    monkeypatch.setattr("llamabuild.build.profiles.run_steps", known_steps(known))
    monkeypatch.setattr("llamabuild.build.execute.run_steps", known_steps(known))
    monkeypatch.setattr("llamabuild.build.pgo.read_gcov_dump", lambda text: known.counted)
    monkeypatch.setattr("llamabuild.build.pgo._gcov_dump", lambda compiler: program("true"))
    bolt = Tool(name="llvm-bolt", path=fake_bolt(), version="LLVM 19", sha256="b" * 8)
    for room in ("bolt", "execute"):
        monkeypatch.setattr(f"llamabuild.build.{room}.bolt_tool", lambda: bolt)
    return known


def program(name):
    return Tool(name=name, path=shutil.which(name), version="12.2.0", sha256="")


def script(path, code):
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)


def fake_bolt():
    """A program that copies its input and says how many functions it instrumented."""
    path = cache_dir("tools") / "llvm-bolt"
    script(
        path,
        "import pathlib, sys\n"
        "library, out = map(pathlib.Path, (sys.argv[1], sys.argv[3]))\n"
        "out.write_text(library.read_text() + ' '.join(sys.argv[4:]))\n"
        "print('BOLT-INSTRUMENTER: Number of function descriptors: 30')\n",
    )
    return str(path)


def known_steps(known):
    """Make a program and libraries instead of compiling."""

    def run_steps(plan, variant, tree, build_dir, log_file, on_step):
        binaries = build_dir / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        log_file.write_text("compiled\n")
        if not any(step.name == "compile" for step in plan.steps):
            return (Stage(name="bolt", seconds=3, cpu_seconds=3),)
        for name in plan.outputs:
            script(binaries / name, known.bench)
        for name in LIBRARIES:
            (binaries / name).write_text(f"code of {name}\n")
            (binaries / name.removesuffix(".0")).symlink_to(name)
        return (
            Stage(name="configure", seconds=1, cpu_seconds=1),
            Stage(name="compile", seconds=2, cpu_seconds=4),
        )

    return run_steps


def variant(**wishes):
    base = load_catalogue(SOURCE.spec, []).get("native")
    runtime = Runtime(bench=("--poll", "0"))
    return msgspec.structs.replace(base, optimize=Optimize(**wishes), runtime=runtime)


def ensure(**wishes):
    return ensure_profiles(variant(**wishes), SOURCE, MODEL, jobs=2, compiler_cache=True)


def test_nothing_is_made_where_no_profile_is_asked_for():
    assert ensure().profiles == ()
    assert list(cache_dir("profiles").iterdir()) == []


def test_a_profile_is_made_once_and_says_how():
    final = ensure(pgo=True)
    [profile] = final.profiles
    assert (profile.kind, profile.functions, profile.trained) == ("gcc", 10, 4)
    assert profile.training[0].startswith("llama-bench -t 1 ")
    assert (profile.model, profile.model_sha256) == ("SmolLM2-135M Q4_1", MODEL.sha256)
    assert [s.name for s in profile.stages] == ["configure", "compile", "train", "merge"]
    assert (profile_data(profile.key) / "a.c.gcda").read_text() == "counters"
    made = profile_folder(profile.key).stat().st_mtime_ns
    assert ensure(pgo=True) == final
    assert profile_folder(profile.key).stat().st_mtime_ns == made
    assert list(cache_dir("work").iterdir()) == []


def test_a_damaged_profile_is_made_again():
    [profile] = ensure(pgo=True).profiles
    (profile_data(profile.key) / "a.c.gcda").write_text("")
    assert load_profile(profile.key) is None
    [again] = ensure(pgo=True).profiles
    assert again.sha256 == profile.sha256
    assert load_profile(profile.key) == again


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "import os; os.abort()",
            "training run of the instrumented llama-bench was ended by SIGAB",
        ),
        ("raise SystemExit('error: failed to load model')", "exited with 1: error: failed to load"),
        ("pass", r"left no profile \(no \.gcda"),
    ],
)
def test_a_training_run_that_fails_is_said_and_leaves_its_log_alone(tools, code, says):
    tools.bench = code
    with pytest.raises(BuildFailed, match=f"^native: .*{says}.*the whole log is in "):
        ensure(pgo=True)
    assert list(cache_dir("profiles").iterdir()) == []
    assert list(cache_dir("work").iterdir()) == []
    [log] = state_dir("logs").iterdir()
    assert "llama-bench -m /nowhere/model.gguf -t 1" in log.read_text()


def test_training_that_takes_too_long_is_ended(tools, monkeypatch):
    tools.bench = "import time; time.sleep(60)"
    facts = SimpleNamespace(
        program="llama-bench", newer=(), arguments=("-t", "1"), timeout_seconds=0.2
    )
    monkeypatch.setattr("llamabuild.build.training.training", lambda: facts)
    with pytest.raises(BuildFailed, match="did not finish within"):
        ensure(pgo=True)


def test_a_profile_in_which_nothing_ran_is_a_failure(tools):
    tools.counted = Trained(10, 0)
    with pytest.raises(BuildFailed, match="native: .* empty profile: none of 10 functions ran"):
        ensure(pgo=True)
    assert list(cache_dir("profiles").iterdir()) == []


BRANCHES = (
    COUNTS
    + """
for name in ("libggml-cpu.so.0", "libllama.so.0"):
    instrumented = (folder / name).read_text()
    [option] = [a for a in instrumented.split() if a.startswith("-instrumentation-file=")]
    pathlib.Path(option.partition("=")[2]).write_text("1 f 0 1 f 4 0 1\\n1 g 0 1 f 4 0 1\\n")
"""
)


def test_bolt_trains_the_very_libraries_that_it_rewrites(tools):
    tools.bench = BRANCHES
    final = ensure(bolt=True)
    [profile] = final.profiles
    assert (profile.kind, profile.functions, profile.trained) == ("bolt", 60, 4)
    assert [s.name for s in profile.stages] == ["instrument", "train"]
    [(input_id, made)] = published_builds()
    assert input_id == final.input
    assert made.plan.variant == "native.input"
    assert "instrumentation" not in (files_folder(input_id) / LIBRARIES[0]).read_text()
    build, cached = execute_plan(final, variant(bolt=True), Path(SOURCE.tree))
    assert not cached
    assert [s.name for s in build.stages] == ["configure", "compile", "bolt"]
    assert (build.seconds, build.cpu_seconds) == (6, 8)
    assert build.profiles == (profile,)
    assert (files_folder(build.id) / LIBRARIES[0]).is_file()


def test_a_bolt_profile_without_records_is_a_failure(tools):
    tools.bench = COUNTS
    with pytest.raises(BuildFailed, match="left no profile of libggml-cpu.*the whole log is in"):
        ensure(bolt=True)
    assert list(cache_dir("profiles").iterdir()) == []


def test_pgo_first_then_bolt_on_what_it_made(tools):
    is_bolted = 'if "instrumentation" in (folder / "libllama.so.0").read_text():\n'
    branches = BRANCHES.removeprefix(COUNTS).replace("\n", "\n    ").rstrip()
    tools.bench = f"{TRAINED}{is_bolted}{branches}\n"
    profiles = ensure(pgo=True, bolt=True).profiles
    assert [profile.kind for profile in profiles] == ["gcc", "bolt"]
    assert ensure(pgo=True).profiles == profiles[:1]


def test_a_provisional_plan_is_not_executed():
    made = make_plan(variant(pgo=True), SOURCE, jobs=2, compiler_cache=True)
    with pytest.raises(BuildFailed, match="profile is not made yet"):
        execute_plan(made, variant(pgo=True), Path(SOURCE.tree))


def test_a_profile_that_changed_after_planning_is_refused():
    final = ensure(pgo=True)
    (profile_data(final.profiles[0].key) / "a.c.gcda").write_text("of another source")
    with pytest.raises(BuildFailed, match="gone, damaged or another one"):
        execute_plan(final, variant(pgo=True), Path(SOURCE.tree))
    assert next(published_builds(), None) is None


def test_what_differs_at_run_time_alone_shares_the_profile():
    final = ensure(pgo=True)
    quiet = msgspec.structs.replace(variant(pgo=True), runtime=Runtime())
    other = make_plan(quiet, SOURCE, jobs=2, compiler_cache=True, model_sha256=MODEL.sha256)
    assert other.build_id == final.build_id


def test_a_profile_that_bolt_can_use_nothing_of_fails_the_build(tmp_path):
    said = "BOLT-INFO: 0 out of 30 functions in the binary (0.0%) have non-empty execution profile"
    step = Step(name="bolt", argv=(sys.executable, "-c", f"print({said!r})", "-data=x.fdata"))
    made = make_plan(variant(), SOURCE, jobs=2, compiler_cache=True)
    plan = msgspec.structs.replace(made, steps=(step,))
    with pytest.raises(BuildFailed, match="native: bolt failed: the profile fits no function"):
        run_steps(plan, variant(), Path("/tree"), tmp_path, tmp_path / "log", None)


def test_steps_of_one_name_are_one_stage(tmp_path):
    steps = [Step(name=name, argv=(sys.executable, "-c", "")) for name in ("a", "bolt", "bolt")]
    made = make_plan(variant(), SOURCE, jobs=2, compiler_cache=True)
    plan = msgspec.structs.replace(made, steps=tuple(steps))
    stages = run_steps(plan, variant(), Path("/tree"), tmp_path, tmp_path / "log", None)
    assert [stage.name for stage in stages] == ["a", "bolt"]
    assert all(stage.seconds > 0 for stage in stages)


def test_what_does_not_ask_the_compiler_cache_is_counted_too(tmp_path):
    (tmp_path / "ccache.log").write_text("a.c\ndirect_cache_hit\nb.c\ncache_miss\n")
    assert _cache_statistics(tmp_path) == (2, 1)
    rows = ["# ninja log v5", "0\t9\t1\ta.c.o\th", "0\t9\t1\tb.c.o\th", "0\t9\t1\tg.c.o\th"]
    rows += ["0\t9\t1\tlib.so\th", "9\t12\t1\tg.c.o\th"]
    (tmp_path / ".ninja_log").write_text("\n".join(rows))
    assert _cache_statistics(tmp_path) == (3, 1)
    (tmp_path / "ccache.log").unlink()
    assert _cache_statistics(tmp_path) == (3, -1)
