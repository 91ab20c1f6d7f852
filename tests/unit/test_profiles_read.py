"""What the tools that read profiles print, and which tool is asked."""

import hashlib
import os
from types import SimpleNamespace

import pytest

from llamabuild.build import llvm
from llamabuild.build.bolt import Instrumented, bolt_tool, read_fdata, unused_profile
from llamabuild.build.pgo import (
    Trained,
    check_tools,
    collect_profile,
    read_gcov_dump,
    read_profdata_total,
)
from llamabuild.errors import BuildFailed, EnvironmentLacks
from llamabuild.types.build import Stage
from llamabuild.types.machine import Tool

GCOV_DUMP = """\
a.gcda:data:magic `gcda':version `B22*'
a.gcda:  a1000000:   8:OBJECT_SUMMARY runs=1, sum_max=10
a.gcda:  01000000:  12:FUNCTION ident=108032747, lineno_checksum=0x92e25e42, cfg_checksum=0xaaf6eb7c
a.gcda:    01a10000:  32:COUNTERS arcs 4 counts
a.gcda:                   0: 0 0 0 0 
a.gcda:                   4: 1 
a.gcda:    01af0000:   8:COUNTERS time_profiler 1 counts
a.gcda:                   0: 1 
a.gcda:  01000000:  12:FUNCTION ident=1105352530, lineno_checksum=0xe4be563e, cfg_checksum=0x73ff
a.gcda:    01a10000:  24:COUNTERS arcs 3 counts (all zero)
a.gcda:                   0: 0 0 0 
a.gcda:    01af0000:   8:COUNTERS time_profiler 1 counts
a.gcda:                   0: 7 
a.gcda:  01000000:   0:FUNCTION placeholder
a.gcda:  01000000:  12:FUNCTION ident=2068343452, lineno_checksum=0x8f82052b, cfg_checksum=0x154a
a.gcda:    01a10000:  16:COUNTERS arcs 2 counts
a.gcda:                   0: 10 7 
a.gcda:                   2: 3 
"""  # noqa: W291 - as the program prints it
PROFDATA = """\
Instrumentation level: IR  entry_first = 0
Total functions: 2810
Maximum function count: 131072
"""
GCC = Tool(name="g++", path="/usr/bin/g++", version="g++ (Debian 12.2.0-14) 12.2.0", sha256="")
CLANG = Tool(name="clang++-19", path="clang++", version="Debian clang version 19.1.7", sha256="")


def test_functions_whose_arcs_counted_are_trained():
    """The time profiler's counter is no arc, and a function counts once however many rows."""
    assert read_gcov_dump(GCOV_DUMP) == Trained(functions=3, trained=2)
    assert read_gcov_dump("") == Trained(0, 0)


def test_llvm_profdata_says_how_many_functions():
    assert read_profdata_total(PROFDATA) == 2810
    assert read_profdata_total("error: no profile") == 0


def test_no_counters_at_all_is_a_failure(tmp_path):
    for family, compiler, says in (("gcc", GCC, ".gcda"), ("clang", CLANG, ".profraw")):
        with pytest.raises(BuildFailed, match=rf"left no profile \(no {says}"):
            collect_profile(family, compiler, tmp_path, tmp_path / "data")


@pytest.fixture
def dumped(monkeypatch):
    """What gcov-dump is made to print."""
    said = SimpleNamespace(text=GCOV_DUMP, code=0)

    def run(argv, **_):
        usage = SimpleNamespace(ru_utime=1.0, ru_stime=0.5)
        return SimpleNamespace(
            argv=argv, stdout=said.text, ok=said.code == 0, usage=usage, failure=lambda: "broke"
        )

    monkeypatch.setattr("llamabuild.build.pgo.run", run)
    monkeypatch.setattr(
        "llamabuild.build.pgo.find_tool",
        lambda name: Tool(name=name, path=name, version="gcov-dump 12.2.0", sha256=""),
    )
    return said


@pytest.fixture
def counted(tmp_path):
    """A build folder with counters beside object files."""
    path = tmp_path / "build/ggml/src/CMakeFiles/ggml-base.dir/ggml.c.gcda"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"counters")
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.usefixtures("dumped")
def test_gcc_s_counters_are_kept_by_their_place_in_the_build(counted):
    trained, stage = collect_profile("gcc", GCC, counted / "build", counted / "data")
    assert trained == Trained(3, 2)
    assert (stage.name, stage.cpu_seconds) == ("merge", 1.5)
    kept = counted / "data/ggml/src/CMakeFiles/ggml-base.dir/ggml.c.gcda"
    assert kept.read_bytes() == b"counters"


def test_a_profile_in_which_nothing_ran_is_a_failure(counted, dumped):
    dumped.text = (
        GCOV_DUMP.replace(" 1 \n", " 0 \n").replace("10 7 ", "0 0 ").replace(" 3 \n", "\n")
    )
    with pytest.raises(BuildFailed, match="empty profile: none of 3 functions ran"):
        collect_profile("gcc", GCC, counted / "build", counted / "data")


def test_counters_that_cannot_be_read_are_a_failure(counted, dumped):
    dumped.code = 1
    with pytest.raises(BuildFailed, match="gcov-dump cannot read the profile: it broke"):
        collect_profile("gcc", GCC, counted / "build", counted / "data")


FDATA = """\
1 ggml_vec_dot_q4_1_q8_1 1a 1 ggml_vec_dot_q4_1_q8_1 4c 0 100
1 ggml_vec_dot_q4_1_q8_1 4c 1 ggml_vec_dot_q4_1_q8_1 1a 0 99
1 mul_mat/repack.cpp/1 4 1 ggml_vec_dot_q4_1_q8_1 0 0 12
"""


INSTRUMENTED = Instrumented(
    libraries=("libggml-cpu.so.0", "libllama.so.0"),
    functions=5000,
    stage=Stage(name="instrument", seconds=1.0, cpu_seconds=1.0),
)


def test_functions_with_records_are_trained(tmp_path):
    (tmp_path / "libggml-cpu.so.0.fdata").write_text(FDATA)
    (tmp_path / "libllama.so.0.fdata").write_text("1 llama_decode 4 1 llama_decode 9 0 1\n")
    assert read_fdata(tmp_path, INSTRUMENTED) == Trained(functions=5000, trained=3)


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_or_missing_bolt_profile_of_one_library_is_a_failure(tmp_path, empty):
    (tmp_path / "libggml-cpu.so.0.fdata").write_text(FDATA)
    if empty is not None:
        (tmp_path / "libllama.so.0.fdata").write_text(empty)
    with pytest.raises(BuildFailed, match=r"no profile of libllama\.so\.0$"):
        read_fdata(tmp_path, INSTRUMENTED)


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ("BOLT-INFO: 85 out of 900 functions in the binary (9.4%) have non-empty execution profile", False),
        ("BOLT-INFO: 0 out of 900 functions in the binary (0.0%) have non-empty execution profile", True),
        ("BOLT-WARNING: no profile data available", True),
    ],
)  # fmt: skip
def test_a_profile_that_fits_nothing_is_found(output, wrong):
    argv = ("llvm-bolt", "lib.so", "-data=lib.fdata")
    assert bool(unused_profile(argv, output)) == wrong
    assert unused_profile(("cmake", "--build"), output) == ""


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Put programs of these names, and nothing else, on PATH."""

    def install(*names):
        for name in names:
            (tmp_path / name).write_text(f"#!/bin/sh\necho {name} version 1.0\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/nowhere")

    return install


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("llvm-bolt-9", "llvm-bolt-19", "llvm-bolt"), "llvm-bolt-19"),
        (("llvm-bolt", "llvm-bolt-heatmap"), "llvm-bolt"),
    ],
)
def test_the_newest_installed_version_is_taken(installed, monkeypatch, names, taken):
    installed(*names)
    monkeypatch.setattr(llvm, "find_tool", lambda name, **_: name)
    assert llvm.newest_tool("llvm-bolt", "19") == taken


def test_without_bolt_the_remedy_names_its_package(installed):
    installed()
    with pytest.raises(EnvironmentLacks, match="apt-get install bolt-19"):
        llvm.newest_tool("llvm-bolt", "19")


def clang_that_says(folder, profdata, runtime):
    """A clang that answers where its parts are."""
    path = folder / "clang++-19"
    path.write_text(
        "#!/bin/sh\ncase $1 in\n"
        f"-print-prog-name=*) echo {profdata};;\n-print-file-name=*) echo {runtime};;\nesac\n"
    )
    path.chmod(0o755)
    return Tool(name="clang++-19", path=str(path), version=CLANG.version, sha256="")


def test_clang_without_llvm_profdata_names_the_package(installed, tmp_path):
    installed()
    clang = clang_that_says(tmp_path, "llvm-profdata", "libclang_rt.profile.a")
    with pytest.raises(EnvironmentLacks, match=r"no llvm-profdata .* apt-get install llvm-19"):
        check_tools("clang", clang)


def test_clang_without_its_runtime_names_the_package(tmp_path):
    profdata = tmp_path / "llvm-profdata"
    profdata.write_text("#!/bin/sh\necho Debian LLVM version 19.1.7\n")
    profdata.chmod(0o755)
    clang = clang_that_says(tmp_path, profdata, "libclang_rt.profile.a")
    with pytest.raises(EnvironmentLacks, match="apt-get install libclang-rt-19-dev"):
        check_tools("clang", clang)
    (tmp_path / "rt.a").touch()
    check_tools("clang", clang_that_says(tmp_path, profdata, tmp_path / "rt.a"))


def test_a_profdata_of_another_version_is_not_taken(installed, tmp_path):
    installed()
    profdata = tmp_path / "llvm-profdata"
    profdata.write_text("#!/bin/sh\necho Debian LLVM version 14.0.6\n")
    profdata.chmod(0o755)
    clang = clang_that_says(tmp_path, profdata, "x")
    with pytest.raises(EnvironmentLacks, match="apt-get install llvm-19"):
        llvm.profdata_of(clang)


def test_clang_s_own_linker_is_told_by_its_content(tmp_path):
    lld = tmp_path / "ld.lld"
    lld.write_text("#!/bin/sh\necho Debian LLD 19.1.7\n")
    lld.chmod(0o755)
    clang = clang_that_says(tmp_path, lld, "x")
    assert llvm.lld_of(clang).sha256 == hashlib.sha256(lld.read_bytes()).hexdigest()


def test_a_gcov_dump_of_another_version_is_not_taken(monkeypatch):
    def find_tool(name, **_):
        if name == "gcov-dump-12":
            message = "not there"
            raise EnvironmentLacks(message)
        return Tool(name=name, path=name, version="gcov-dump 13.1.0", sha256="")

    monkeypatch.setattr("llamabuild.build.pgo.find_tool", find_tool)
    with pytest.raises(EnvironmentLacks, match="apt-get install gcc-12"):
        check_tools("gcc", GCC)


def test_bolt_is_called_by_its_own_path(monkeypatch, tmp_path):
    """It looks for its runtime beside where it was called from, and a link's folder has none."""
    (tmp_path / "llvm-19").mkdir()
    real = tmp_path / "llvm-19" / "llvm-bolt"
    real.touch()
    link = tmp_path / "llvm-bolt-19"
    link.symlink_to(real)
    tool = Tool(name="llvm-bolt-19", path=str(link), version="LLVM 19", sha256="")
    monkeypatch.setattr("llamabuild.build.bolt.newest_tool", lambda *_: tool)
    assert bolt_tool().path == str(real)
