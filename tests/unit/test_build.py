"""Plans, what decides a build's id, and the lines that matter when something fails."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.build import execute_plan, make_plan, ordered_plans
from llamabuild.build.cmake_variables import unused_variables
from llamabuild.build.diagnosis import compiler_complaint, missing_part
from llamabuild.build.execute import failure_log
from llamabuild.build.lookup import built_variant, what_to_inspect
from llamabuild.build.plan import reproduction
from llamabuild.build.switches import switches
from llamabuild.errors import BadInput, BuildFailed
from llamabuild.store.builds import files_folder, load_build, publish
from llamabuild.store.paths import cache_dir
from llamabuild.types.build import Build, BuiltFile, Step
from llamabuild.types.machine import Tool
from llamabuild.types.variant import Expectation, Flags, Optimize, Runtime, Toolchain
from llamabuild.variants import load_catalogue
from tests.runs import SOURCE


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    """Tools with known identities; the test changes them to see what an id depends on."""
    known = SimpleNamespace(compiler="gcc 12", native="-march=znver4", linker="ld 2.40", lld="a")

    def find_tool(name, *, hash_content=False):
        version = known.linker if name == "ld" else known.compiler
        digest = f"digest of {known.compiler}" if hash_content else ""
        return Tool(name=name, path=f"/usr/bin/{name}", version=version, sha256=digest)

    monkeypatch.setattr("llamabuild.build.plan.find_tool", find_tool)
    monkeypatch.setattr("llamabuild.build.execute.find_tool", find_tool)
    monkeypatch.setattr(
        "llamabuild.build.plan.lld_of",
        lambda _: Tool(name="ld.lld", path="/usr/bin/ld.lld", version="", sha256=known.lld),
    )
    monkeypatch.setattr("llamabuild.build.plan.native_resolution", lambda path: known.native)
    return known


def variant(name="avx2"):
    return load_catalogue(SOURCE.spec, []).get(name)


def plan(name="avx2", source=SOURCE, jobs=2, compiler_cache=True, **changes):
    changed = msgspec.structs.replace(variant(name), **changes)
    return make_plan(changed, source, jobs=jobs, compiler_cache=compiler_cache)


def test_the_id_covers_what_decides_the_build(tools):
    ids = [
        plan().build_id,
        plan("avx512").build_id,
        plan("native").build_id,
        plan("native-o3").build_id,
        plan(flags=Flags(c=("-O1",))).build_id,
        plan(cmake={**variant().cmake, "GGML_OPENMP": "OFF"}).build_id,
        plan(source=msgspec.structs.replace(SOURCE, digest="e" * 64)).build_id,
    ]
    tools.compiler = "gcc 13"
    ids.append(plan().build_id)
    tools.linker = "ld 2.41"
    ids.append(plan().build_id)
    assert len(set(ids)) == len(ids)


def test_the_id_leaves_out_what_does_not():
    same = [
        plan(),
        plan(jobs=64),
        plan(compiler_cache=False),
        plan(runtime=Runtime(environment={"A": "1"}, bench=("--poll", "0"))),
        plan(description="other words"),
        plan(source=msgspec.structs.replace(SOURCE, tree="/elsewhere")),
    ]
    assert len({p.build_id for p in same}) == 1


def test_one_compiler_under_two_names_makes_one_build():
    named = Toolchain(c="gcc", cxx="g++")
    assert plan("native", toolchain=named).build_id == plan("native").build_id


@pytest.mark.parametrize("off", ["OFF", "0", "false", "No"])
def test_cmake_s_ways_to_say_no_to_native(tools, off):
    before = plan("native", cmake={"GGML_NATIVE": off}).build_id
    on = plan("native", cmake={"GGML_NATIVE": "1"}).build_id
    tools.native = "-march=sapphirerapids"
    assert plan("native", cmake={"GGML_NATIVE": off}).build_id == before
    assert plan("native", cmake={"GGML_NATIVE": "1"}).build_id != on


def test_each_kind_of_cpu_has_its_own_compiler_cache(tools):
    before = plan().steps[0].environment["CCACHE_DIR"]
    tools.native = "-march=sapphirerapids"
    assert plan().steps[0].environment["CCACHE_DIR"] != before


def test_native_means_this_cpu_and_portable_does_not(tools):
    before = plan("native").build_id, plan("avx2").build_id
    tools.native = "-march=sapphirerapids"
    after = plan("native").build_id, plan("avx2").build_id
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_plan_is_free_of_host_paths():
    text = msgspec.json.encode(plan()).decode()
    assert not re.search(r'"/|=/', text)


def test_flags_stay_single_arguments():
    made = plan(flags=Flags(cxx=("-O3", "-march=native"), link=("-Wl,-O1",)))
    assert "-DCMAKE_CXX_FLAGS=-O3 -march=native" in made.steps[0].argv
    assert "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-O1" in made.steps[0].argv


def test_reproduction_needs_nothing_of_ours():
    for command in reproduction(variant("native-o3")):
        assert not any("{" in argument or "llamabuild" in argument for argument in command)


def test_order_puts_what_shares_the_cache_together():
    names = ["native-o3", "generic", "native", "avx2"]
    planned = [(variant(name), plan(name)) for name in names]
    estimates = ordered_plans(planned, jobs=2, compiler_cache=True)
    assert [e.plan.variant for e in estimates] == ["native-o3", "generic", "native", "avx2"]
    assert [e.compiles for e in estimates] == ["everything", "everything", "kernels", "kernels"]
    without = ordered_plans(planned, jobs=2, compiler_cache=False)
    assert {e.compiles for e in without} == {"everything"}
    assert sum(e.seconds for e in without) > sum(e.seconds for e in estimates)


def stored(name, *, seconds, hits, jobs=2, created="2026-11-22T12:00:00+00:00", **changes):
    """Publish a build that took so long."""
    made = msgspec.structs.replace(plan(name, jobs=jobs), **changes)
    staged = cache_dir("work", made.build_id, "staged")
    (staged / "files").mkdir()
    build = Build(
        id=made.build_id,
        plan=made,
        files=(),
        seconds=seconds,
        cpu_seconds=2 * seconds,
        size_bytes=0,
        compiled=84,
        cache_hits=hits,
        created=created,
    )
    publish(build, staged)


def estimate(name="native", jobs=2, compiler_cache=True):
    planned = [(variant(n), plan(n, jobs=jobs)) for n in ("generic", name)]
    return ordered_plans(planned, jobs=jobs, compiler_cache=compiler_cache)


def test_times_come_from_builds_made_here():
    assert [(e.compiles, e.basis) for e in estimate()] == [
        ("everything", "table"),
        ("kernels", "table"),
    ]
    stored("native-o3", seconds=300, hits=0)
    stored("sse42", seconds=50, hits=67)
    stored("avx512", seconds=30, hits=67)
    stored("avx512-vnni", seconds=40, hits=67)
    stored("avx2", seconds=3, hits=84)  # all from the compiler cache: like none that is to come
    assert [(e.compiles, e.seconds, e.basis) for e in estimate()] == [
        ("everything", 300, "median of 1 build here"),
        ("kernels", 40, "median of 3 builds here"),
    ]
    assert {(e.seconds, e.basis) for e in estimate(compiler_cache=False)} == {
        (300, "median of 1 build here")
    }


@pytest.mark.parametrize("other", ["source", "compiler", "jobs"])
def test_builds_under_other_conditions_say_nothing(tools, other):
    changes = {"source_digest": "e" * 64} if other == "source" else {}
    if other == "compiler":
        tools.compiler = "gcc 13"
    stored("native-o3", seconds=300, hits=-1, jobs=64 if other == "jobs" else 2, **changes)
    tools.compiler = "gcc 12"
    assert {e.basis for e in estimate()} == {"table"}


CMAKE_WARNING = """CMake Warning:
  Manually-specified variables were not used by the project:

    GGML_AVX51
    LLAMA_CURL


"""


CMAKE_CACHE = """# comment
CMAKE_BUILD_TYPE:STRING=Release
GGML_AVX51:UNINITIALIZED=ON
GGML_AVX512:BOOL=OFF
GGML_FMA:BOOL=OFF
LLAMA_BUILD_EXAMPLES:BOOL=OFF
LLAMA_CURL:UNINITIALIZED=OFF
LLAMA_FMA:UNINITIALIZED=ON
"""


@pytest.fixture
def configured(tmp_path):
    """A build folder with a cache, and a tree whose files name some variables."""
    tree = tmp_path / "tree"
    (tree / "ggml").mkdir(parents=True)
    (tree / "CMakeLists.txt").write_text("if (LLAMA_CURL)\nendif()")
    (tree / "ggml" / "CMakeLists.txt").write_text('option(GGML_AVX512 "" OFF)')
    (tmp_path / "CMakeCache.txt").write_text(CMAKE_CACHE)
    return tmp_path, tree


def test_a_variable_that_cmake_did_not_use_is_an_error(configured):
    finished = SimpleNamespace(stderr=CMAKE_WARNING, stdout="")
    wrong = msgspec.structs.replace(
        variant(), cmake={"GGML_AVX51": "ON"}, origins={"cmake.GGML_AVX51": "mine.toml"}
    )
    message, remedy = unused_variables(finished, wrong, *configured)
    assert "mine.toml: cmake.GGML_AVX51" in message
    assert remedy == "did you mean 'GGML_AVX512'?"
    # our own switch that this tree does not have is no concern of the variant's
    assert unused_variables(finished, variant(), *configured) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GGML_AVX51", "GGML_AVX512"),
        ("LLAMA_BUILD_EXAMPEL", "LLAMA_BUILD_EXAMPLES"),
        ("LLAMA_FMA", "GGML_FMA"),
    ],
)
def test_the_tree_s_own_variables_are_suggested(configured, name, meant):
    warning = CMAKE_WARNING.replace("GGML_AVX51", name)
    wrong = msgspec.structs.replace(variant(), cmake={name: "ON"})
    found = unused_variables(SimpleNamespace(stderr=warning), wrong, *configured)
    assert found is not None
    assert found[1] == f"did you mean '{meant}'?"


def test_without_a_cache_the_tree_s_file_is_named(tmp_path):
    wrong = msgspec.structs.replace(variant(), cmake={"GGML_AVX51": "ON"})
    found = unused_variables(SimpleNamespace(stderr=CMAKE_WARNING), wrong, tmp_path, tmp_path)
    assert found is not None
    assert found[1] == "see its ggml/CMakeLists.txt"


def test_a_ggml_variable_that_only_ggml_s_loop_over_all_reads_is_unused_too(configured):
    """CMake does not warn of those: ggml copies every GGML_* into its package's file."""
    silent = SimpleNamespace(stderr="")
    wrong = msgspec.structs.replace(variant(), cmake={"GGML_AVX51": "ON", "GGML_AVX512": "ON"})
    message, remedy = unused_variables(silent, wrong, *configured)
    assert "GGML_AVX51" in message
    assert "GGML_AVX512" not in message
    assert remedy == "did you mean 'GGML_AVX512'?"
    named = msgspec.structs.replace(variant(), cmake={"LLAMA_CURL": "OFF"})
    assert unused_variables(silent, named, *configured) is None


def test_the_first_error_line_is_found_in_a_long_log():
    log = "[1/9] Building\nx.cpp:3:1: error: expected ';'\n1 error generated."
    finished = SimpleNamespace(stdout=log, stderr="")
    assert compiler_complaint(finished) == "x.cpp:3:1: error: expected ';'"


def scripted(code: str):
    """A plan whose one step runs Python instead of CMake."""
    argv = (sys.executable, "-c", code, "{build}")
    steps = (Step(name="compile", argv=argv),)
    return msgspec.structs.replace(plan(), steps=steps, outputs=("llama-bench",))


MAKES_ALL = """
import os, sys
bin = os.path.join(sys.argv[1], "bin")
os.makedirs(bin)
for name in ("llama-bench", "libggml.so.0"):
    open(os.path.join(bin, name), "w").write(name)
os.symlink("libggml.so.0", os.path.join(bin, "libggml.so"))
print("[1/2] Building")
print("[2/2] Linking")
"""


def test_a_build_is_published_with_its_files_and_made_once():
    steps = []
    made, cached = execute_plan(
        scripted(MAKES_ALL), variant(), Path("/tree"), on_step=lambda *step: steps.append(step)
    )
    assert not cached
    assert steps == [(1, 2), (2, 2)]
    assert {f.path for f in made.files} == {"llama-bench", "libggml.so.0", "libggml.so"}
    assert (files_folder(made.id) / "llama-bench").read_text() == "llama-bench"
    again, cached = execute_plan(scripted("raise SystemExit(1)"), variant(), Path("/tree"))
    assert cached
    assert again == made
    assert list(cache_dir("work").iterdir()) == []


def test_the_user_s_compiler_variables_do_not_reach_a_build(monkeypatch):
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("CXXFLAGS", "-Ofast")
    code = "import os\nassert not {'CC', 'CXXFLAGS'} & set(os.environ)\n" + MAKES_ALL
    execute_plan(scripted(code), variant(), Path("/tree"))


@pytest.mark.parametrize("content", ["", "LLAMA-BENCH"])
def test_a_damaged_build_is_made_again(content):
    made, _ = execute_plan(scripted(MAKES_ALL), variant(), Path("/tree"))
    (files_folder(made.id) / "llama-bench").write_text(content)
    again, cached = execute_plan(scripted(MAKES_ALL), variant(), Path("/tree"))
    assert not cached
    assert again.files == made.files


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "import sys; print('a.c:1: error: no'); sys.exit(1)",
            r"compile failed: a\.c:1: error: no",
        ),
        ("import os; os.abort()", "SIGABRT"),
        ("import os, sys; os.makedirs(sys.argv[1] + '/bin')", "made no llama-bench"),
    ],
)
def test_a_failed_build_says_why_and_leaves_nothing(code, says):
    with pytest.raises(BuildFailed, match=says):
        execute_plan(scripted(code), variant(), Path("/tree"))
    assert load_build(scripted(code).build_id) is None
    assert list(cache_dir("work").iterdir()) == []


def test_the_log_of_a_failed_build_is_kept():
    failing = scripted("print('the whole story'); raise SystemExit(3)")
    with pytest.raises(BuildFailed, match="the whole log is in"):
        execute_plan(failing, variant(), Path("/tree"))
    assert "the whole story" in failure_log(failing).read_text()


def test_an_unused_variable_stops_a_build_after_configure():
    code = f"import sys; print({CMAKE_WARNING!r}, file=sys.stderr)"
    step = Step(name="configure", argv=(sys.executable, "-c", code))
    failing = msgspec.structs.replace(plan(), steps=(step,))
    wrong = msgspec.structs.replace(variant(), cmake={"GGML_AVX51": "ON"})
    with pytest.raises(BadInput, match="does not know the CMake variable"):
        execute_plan(failing, wrong, Path("/tree"))


@pytest.fixture
def stored_avx2(monkeypatch, tmp_path):
    """The build of avx2 in the store, and a folder with a variant of the same flags."""
    monkeypatch.setattr("llamabuild.build.lookup.resolve_source", lambda *_, **__: SOURCE)
    library = MAKES_ALL.replace("libggml.so.0", "libggml-cpu.so.0")
    made, _ = execute_plan(scripted(library), variant(), Path("/tree"))
    (tmp_path / "mine.toml").write_text(
        'extends = "avx2"\ndescription = "m"\n[runtime]\nenvironment = { A = "1" }\n'
        '[[expect]]\nbinary = "llama-bench"\nforbid = ["amx"]\n'
    )
    return files_folder(made.id), tmp_path


def test_a_build_is_found_by_what_it_is_and_not_by_who_made_it(stored_avx2):
    files, folder = stored_avx2
    paths, expectations = built_variant("avx2")
    assert paths == (files / "libggml-cpu.so.0",)
    assert expectations
    paths, expectations = built_variant("mine", variants_dirs=(folder,))
    assert set(paths) == {files / "libggml-cpu.so.0", files / "llama-bench"}
    assert [e.forbid for e in expectations] == [("amx",)]


def test_a_variant_that_changed_since_it_was_built_is_not_built(stored_avx2):
    _, folder = stored_avx2
    (folder / "avx2.toml").write_text('extends = "avx2"\ndescription = "x"\nflags.c = ["-O1"]\n')
    with pytest.raises(BadInput) as caught:
        built_variant("avx2", source="pypi:x==1", variants_dirs=(folder,))
    assert str(caught.value) == (
        "the variant 'avx2' is not built as it now is: 'python -m llamabuild build avx2 "
        f"--source=pypi:x==1 --variants-dir={folder}' builds it"
    )


def test_an_empty_store_is_reason_enough_not_to_fetch_a_source(monkeypatch):
    monkeypatch.setattr("llamabuild.build.lookup.resolve_source", None)
    with pytest.raises(BadInput, match="'python -m llamabuild build avx2' builds it"):
        built_variant("avx2")


def test_a_name_that_is_no_variant_gets_a_suggestion():
    with pytest.raises(BadInput, match="neither a file nor a variant: did you mean 'avx512'"):
        built_variant("avx5")


# What [optimize] means to ggml and libllama.


def optimized(tools, version, name="native", **wishes):
    tools.compiler = version
    return plan(name, optimize=Optimize(**wishes)).steps[0].argv


def test_level_and_lto_go_to_the_libraries_alone(tools):
    argv = optimized(tools, "gcc (Debian 12.2.0-14) 12.2.0", level="2", lto="full")
    assert "-DLLAMABUILD_LIBRARY_CXX_FLAGS=-O2;-flto=auto" in argv
    assert "-DLLAMABUILD_LIBRARY_LINK_FLAGS=-flto=auto" in argv
    assert f"-DLLAMABUILD_LIBRARY_SOURCES={switches().decode}" in argv
    assert not any(argument.startswith("-DCMAKE_CXX_FLAGS") for argument in argv)


def test_a_build_without_wishes_is_not_split(tools):
    argv = optimized(tools, "gcc (Debian 12.2.0-14) 12.2.0")
    assert not any(argument.startswith("-DLLAMABUILD_LIBRARY_") for argument in argv)


def test_clang_links_its_own_lto(tools):
    argv = optimized(tools, "Debian clang version 19.1.7 (3~deb12u1)", lto="thin")
    assert "-DLLAMABUILD_LIBRARY_C_FLAGS=-flto=thin" in argv
    assert "-DLLAMABUILD_LIBRARY_LINK_FLAGS=-flto=thin;-fuse-ld=lld" in argv


@pytest.mark.parametrize(("lto", "flag"), [("default", "thin"), ("thin", "thin"), ("full", "full")])
def test_lto_of_clang_is_thin_unless_asked_otherwise(tools, lto, flag):
    argv = optimized(tools, "Debian clang version 19.1.7 (3~deb12u1)", lto=lto)
    assert f"-DLLAMABUILD_LIBRARY_C_FLAGS=-flto={flag}" in argv


def test_a_static_build_is_split_without_wishes(tools):
    argv = plan("static").steps[0].argv
    assert f"-DLLAMABUILD_LIBRARY_SOURCES={switches().decode}" in argv
    assert plan("static").build_id != plan("native").build_id


def test_the_linker_that_comes_with_clang_is_part_of_the_id(tools):
    tools.compiler = "Debian clang version 19.1.7 (3~deb12u1)"

    def ids():
        return plan().build_id, plan(optimize=Optimize(lto="thin")).build_id

    before = ids()
    tools.lld = "another"
    assert [a == b for a, b in zip(before, ids(), strict=True)] == [True, False]


def test_gcc_is_not_asked_for_thin_lto(tools):
    with pytest.raises(BadInput, match="gcc has no thin LTO"):
        optimized(tools, "gcc 12.2.0", lto="thin")


def test_bolt_s_input_keeps_its_relocations(tools):
    argv = optimized(tools, "gcc 12.2.0", bolt=True)
    assert "-DLLAMABUILD_LIBRARY_LINK_FLAGS=-Wl,--emit-relocs" in argv


def test_what_optimizes_is_part_of_the_id():
    wishes = ({}, {"level": "2"}, {"level": "fast"}, {"lto": "full"}, {"bolt": True})
    assert len({plan(optimize=Optimize(**w)).build_id for w in wishes}) == len(wishes)


def test_by_hand_the_level_of_the_variant_wins():
    configure, _ = reproduction(
        msgspec.structs.replace(variant("native"), optimize=Optimize(level="2", lto="full"))
    )
    assert "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -O2 -flto=auto" in configure
    assert "-DCMAKE_SHARED_LINKER_FLAGS=-flto=auto" in configure


def test_order_knows_what_a_library_flag_costs_and_what_costs_nothing():
    lto = msgspec.structs.replace(variant("native"), optimize=Optimize(lto="full"))
    twin = msgspec.structs.replace(lto, name="twin", runtime=Runtime(bench=("--poll", "0")))
    planned = [
        (v, make_plan(v, SOURCE, jobs=2, compiler_cache=True))
        for v in (variant("generic"), lto, twin, variant("native"))
    ]
    estimates = ordered_plans(planned, jobs=2, compiler_cache=True)
    assert [e.compiles for e in estimates] == ["everything", "libraries", "nothing", "kernels"]
    assert estimates[2].basis == "the build of native"
    assert estimates[1].seconds > estimates[3].seconds > estimates[2].seconds == 0


def test_openmp_that_cmake_did_not_find_is_said(tools):
    warned = SimpleNamespace(
        stderr="CMake Warning at ggml/src/CMakeLists.txt:347 (message):\n  OpenMP not found"
    )
    clang = msgspec.structs.replace(
        variant("native"), toolchain=Toolchain(c="clang-19", cxx="clang++-19")
    )
    message, remedy = missing_part(warned, clang)
    assert "clang++-19 has no OpenMP" in message
    assert "libomp-19-dev" in remedy
    off = msgspec.structs.replace(clang, cmake={"GGML_OPENMP": "OFF"})
    assert missing_part(warned, off) is None
    assert missing_part(SimpleNamespace(stderr=""), clang) is None


# Where the kernels are.


@pytest.mark.parametrize(
    ("files", "inspected"),
    [
        (["libggml-cpu.so.0", "libggml-base.so.0", "llama-bench"], ["libggml-cpu.so.0"]),
        (["libggml.so", "llama-bench"], ["libggml.so"]),
        (["llama-bench", "llama-quantize"], ["llama-bench"]),
    ],
)
def test_kernels_are_looked_for_where_the_build_has_them(files, inspected):
    stored("native", seconds=1.0, hits=0)
    build = load_build(plan("native").build_id)
    there = tuple(BuiltFile(path=name, size_bytes=1, sha256="") for name in files)
    expected = (Expectation(binary="libggml-cpu*", require=("avx2",)),)
    paths, meant = what_to_inspect(msgspec.structs.replace(build, files=there), expected)
    assert [path.name for path in paths] == inspected
    assert all(path.match(e.binary) for e in meant for path in paths)


@pytest.mark.parametrize("pattern", ["libggml-blas*", "libggml.so*", "libggml-cpu*"])
def test_a_library_that_a_static_build_has_inside_is_looked_for_there(pattern):
    stored("native", seconds=1.0, hits=0)
    build = load_build(plan("native").build_id)
    inside = (BuiltFile(path="llama-bench", size_bytes=1, sha256=""),)
    static = msgspec.structs.replace(build, files=inside)
    paths, meant = what_to_inspect(static, (Expectation(binary=pattern),))
    assert [path.name for path in paths] == ["llama-bench"]
    assert [each.binary for each in meant] == ["llama-bench"]
    split = tuple(
        BuiltFile(path=n, size_bytes=1, sha256="") for n in ("libggml-base.so", "libggml-cpu.so")
    )
    _, meant = what_to_inspect(
        msgspec.structs.replace(build, files=split), (Expectation(binary=pattern),)
    )
    assert [each.binary for each in meant] == [pattern], "a library that is missing stays missing"
