"""A source tree with llama.cpp's targets and almost no code: a whole build takes a second."""

from pathlib import Path

import msgspec

from llamabuild.build import ensure_profiles, execute_plan
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import locate_tool
from llamabuild.types.inputs import Source
from llamabuild.types.variant import Optimize, Toolchain
from llamabuild.variants import load_catalogue
from tests.runs import make_model

MODEL = make_model()
TOP = """
cmake_minimum_required(VERSION 3.20)
project("llama.cpp" C CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_subdirectory(ggml)
add_library(llama llama.cpp)
target_link_libraries(llama PUBLIC ggml)
set_target_properties(llama PROPERTIES VERSION 0.0.1 SOVERSION 0)
foreach(name llama-bench llama-perplexity llama-quantize)
  add_executable(${name} main.cpp)
  target_link_libraries(${name} PRIVATE llama)
endforeach()
message(STATUS "${LLAMA_CURL} ${LLAMA_OPENSSL} ${LLAMA_BUILD_TESTS}")
"""
GGML = """
foreach(name ggml-base ggml-cpu ggml)
  add_library(${name} ${name}.c)
  set_target_properties(${name} PROPERTIES VERSION 0.0.1 SOVERSION 0)
endforeach()
target_link_libraries(ggml-cpu PUBLIC ggml-base)
target_link_libraries(ggml PUBLIC ggml-cpu)
"""
KERNELS = """
#include <stdio.h>
static int never(int n) { for (int i = 0; i < n; i++) printf("%d", i); return n; }
static int quantize(int x) { return x % 7 ? x * 3 : x / 2; }
int ggml_vec_dot(int n) {
    long sum = 0;
    for (int i = 0; i < n; i++) sum += (i % 3) ? quantize(i) : -i;
    return n < 0 ? never(n) : (int)(sum & 0xff);
}
int ggml_untrained(int n) { return never(n); }
"""
LLAMA = """
extern "C" int ggml_vec_dot(int n);
int llama_decode(int n) { return n > 5 ? ggml_vec_dot(n) : n; }
int llama_unused(int n) { return n * ggml_vec_dot(n + 1); }
"""
MAIN = """
#include <cstdio>
int llama_decode(int n);
int main(int count, char **) { std::printf("%d\\n", llama_decode(1000 * (count > 0))); }
"""


def make_tree(folder: Path, kernels: str = KERNELS) -> Source:
    """Write the tree; return it as a source."""
    (folder / "ggml").mkdir(parents=True)
    files = {
        "CMakeLists.txt": TOP,
        "llama.cpp": LLAMA,
        "main.cpp": MAIN,
        "ggml/CMakeLists.txt": GGML,
        "ggml/ggml-base.c": "int ggml_base(int x) { return x ? 1 : 2; }\n",
        "ggml/ggml-cpu.c": kernels,
        "ggml/ggml.c": "int ggml_top(int x) { return x ? 3 : 4; }\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return Source(
        spec=f"path:{folder}", version="tiny", digest="d" * 64, archive_sha256="", tree=str(folder)
    )


def has_tool(name):
    """Tell whether a program is there, in any version."""
    try:
        locate_tool(name)
    except EnvironmentLacks:
        return False
    return True


def make_variant(compiler: str = "gcc", **wishes):
    """Return a variant with these wishes and nothing else."""
    cxx = compiler.replace("gcc", "g++").replace("clang", "clang++")
    return msgspec.structs.replace(
        load_catalogue("path:tiny", []).get("native"),
        cmake={},
        toolchain=Toolchain(c=compiler, cxx=cxx),
        optimize=Optimize(**wishes),
    )


def build(variant, source, model=MODEL):
    """Return the build with all its profiles."""
    plan = ensure_profiles(variant, source, model, jobs=2, compiler_cache=False)
    made, _ = execute_plan(plan, variant, Path(source.tree))
    return made
