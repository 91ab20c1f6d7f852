"""Where the flags of [optimize] go: CMake's own record of how each file is compiled."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest

from llamabuild.build.switches import HARNESS, switches
from llamabuild.machine.tools import find_tool
from tests.real.tiny_tree import make_tree

FLAG = "-fwrapv"
COMMON = """
add_library(llama-common common.cpp)
target_link_libraries(llama-common PUBLIC llama)
"""


@pytest.fixture
def commands(tmp_path):
    """Configure a tiny tree with the harness; return each source's command by its file name."""

    def configure(*, shared=True, decode=True):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        source = make_tree(folder / "tree")
        top = folder / "tree" / "CMakeLists.txt"
        text = top.read_text() + COMMON
        if decode:
            text = text.replace("llama llama.cpp", "llama llama.cpp llama-context.cpp")
            (folder / "tree" / "llama-context.cpp").write_text("int llama_context() { return 1; }")
        (folder / "tree" / "common.cpp").write_text("int common() { return 1; }")
        top.write_text(text)
        build = folder / "build"
        cmake, ninja = find_tool("cmake").path, find_tool("ninja").path
        argv = [cmake, "-S", source.tree, "-B", str(build), "-G", "Ninja"]
        argv += [f"-DCMAKE_PROJECT_INCLUDE={HARNESS}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
        argv += [f"-DCMAKE_MAKE_PROGRAM={ninja}"]
        argv += [f"-DBUILD_SHARED_LIBS={'ON' if shared else 'OFF'}"]
        argv += [f"-DLLAMABUILD_LIBRARY_SOURCES={switches().decode}"]
        argv += [f"-DLLAMABUILD_LIBRARY_{x}_FLAGS={FLAG}" for x in ("C", "CXX")]
        subprocess.run(argv, check=True, capture_output=True)
        subprocess.run([cmake, "--build", str(build)], check=True, capture_output=True)
        entries = json.loads((build / "compile_commands.json").read_text())
        return {entry["file"].rpartition("/")[2]: entry["command"] for entry in entries}

    return configure


def test_the_flags_reach_ggml_and_what_runs_at_every_decode(commands):
    found = commands()
    flagged = {name for name, command in found.items() if FLAG in command}
    assert flagged == {"ggml-base.c", "ggml-cpu.c", "ggml.c", "llama-context.cpp"}
    assert {"llama.cpp", "common.cpp", "main.cpp"} <= found.keys()


def test_without_such_files_all_of_libllama_gets_them(commands):
    flagged = {name for name, command in commands(decode=False).items() if FLAG in command}
    assert flagged == {"ggml-base.c", "ggml-cpu.c", "ggml.c", "llama.cpp"}


def test_a_static_build_compiles_only_what_runs_at_every_decode_anew(commands):
    shared = {name: set(command.split()) for name, command in commands().items()}
    static = {name: set(command.split()) for name, command in commands(shared=False).items()}
    assert {"-fPIC", "-DLLAMA_SHARED", "-DGGML_SHARED", "-O1"} <= static["common.cpp"]
    for name in ("common.cpp", "llama.cpp"):
        assert "-fPIC" in static[name]
    for name in ("ggml-base.c", "ggml-cpu.c", "ggml.c", "llama-context.cpp"):
        assert "-fPIC" in shared[name]
        assert "-fPIC" not in static[name]
    assert "-fPIC" not in commands(shared=False, decode=False)["llama.cpp"].split()
