"""Allocators under real programs: hugealloc under stress and sanitizers, all of them under llama.cpp."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from llamabuild.bench.allocation import prove_allocation
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.allocators import allocator_library
from llamabuild.machine.system import transparent_huge_pages
from llamabuild.machine.tools import find_tool
from llamabuild.model import resolve_model
from llamabuild.pipeline.allocation import promise_of, runtime_with_allocator
from llamabuild.types.variant import Allocator, Runtime, Variant

from .kernel_check import ROOT, run


def build_check(folder: Path, target: str, flags: str = "") -> Path:
    """Build one of the stress programs alone, without the kernels."""
    cmake = str(find_tool("cmake").path)
    ninja = f"-DCMAKE_MAKE_PROGRAM={find_tool('ninja').path}"
    debug = ("-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_FLAGS={flags}")
    options = ("-G", "Ninja", ninja, *debug, "-DLLAMABUILD_CHECK=ON")
    run(cmake, "-S", str(ROOT), "-B", str(folder), *options)
    run(cmake, "--build", str(folder), "--target", target)
    return folder / target


def stress(program: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok:")
    return done.stderr


def test_random_allocations_of_several_threads_keep_their_contents(tmp_path):
    program = build_check(tmp_path, "hugealloc_check")
    stress(program, "4", "300")
    library = str(allocator_library("hugealloc"))
    for seed in ("1", "2"):
        report = stress(program, "4", "600", seed, LD_PRELOAD=library, HUGEALLOC_REPORT="1")
        assert int(report.split("hugealloc: ")[1].split()[0]) > 100


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_the_library_under_sanitizers(tmp_path, sanitizer):
    flags = f"-fsanitize={sanitizer} -fno-sanitize-recover=all -O1"
    program = build_check(tmp_path, "hugealloc_check_inside", flags)
    assert stress(program, "4", "250") == ""


def test_linked_into_a_program_it_is_its_malloc(tmp_path):
    library = allocator_library("hugealloc")
    program = build_check(
        tmp_path, "hugealloc_check", f"-Wl,--no-as-needed {library} -Wl,--as-needed"
    )
    shutil.copy(library, tmp_path)
    report = stress(program, "2", "100", LD_LIBRARY_PATH=str(tmp_path), HUGEALLOC_REPORT="1")
    assert int(report.split("hugealloc: ")[1].split()[0]) > 10


@pytest.fixture(scope="module")
def proof(built, tmp_path_factory):
    """Prove a variant of the native build on the real model, which is read, not mapped."""
    model = Path(resolve_model().path)

    def prove(name="", *, bench=("-lm", "none"), **environment):
        variant = Variant(
            name="v",
            description="",
            source="",
            allocator=Allocator(name=name, how="preload" if name else ""),
            runtime=Runtime(environment=environment, bench=bench),
        )
        return model.stat().st_size, prove_allocation(
            built["native"] / "llama-bench",
            runtime_with_allocator(variant),
            promise_of(variant),
            model=model,
            threads=1,
            folder=tmp_path_factory.mktemp("notes"),
        )

    return prove


def test_nothing_promised_is_libc(proof):
    size, found = proof()
    assert (found.expected, found.library, found.passed, found.reason) == (
        "",
        "libc.so.6",
        True,
        "",
    )
    assert found.resident_bytes > size


@pytest.mark.parametrize("name", ["mimalloc", "jemalloc", "tcmalloc", "hugealloc"])
def test_a_preloaded_allocator_is_the_one_that_llama_cpp_uses(proof, name):
    try:
        library = allocator_library(name)
    except EnvironmentLacks as error:
        pytest.skip(str(error))
    size, found = proof(name)
    assert found.passed, found.reason
    assert found.library == library.name
    assert found.resident_bytes > size


@pytest.mark.skipif(transparent_huge_pages() not in {"always", "madvise"}, reason="no huge pages")
@pytest.mark.parametrize("setting", ["hugealloc", "tunable"])
def test_weights_lie_on_huge_pages(proof, setting):
    tunable = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if setting == "tunable" else {}
    _, plain = proof()
    size, found = proof("" if tunable else setting, **tunable)
    assert found.reason == ""
    assert found.huge_bytes > 0.8 * size
    assert found.weights_huge_bytes > 0.8 * found.weights_bytes
    assert size < found.weights_bytes < found.resident_bytes
    assert found.huge_bytes > plain.huge_bytes + 0.5 * size


def test_mapped_weights_pass_the_allocator_by_and_the_reason_says_so(proof):
    _, found = proof("hugealloc", bench=())
    assert found.passed
    assert "MiB lie on huge pages" in found.reason
