"""The same plan twice, in two folders, gives the same bytes."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from llamabuild.build import make_plan
from llamabuild.build.execute import run_steps
from llamabuild.source import resolve_source
from llamabuild.source.pins import load_pins
from llamabuild.types.variant import Toolchain
from llamabuild.variants import load_catalogue

KERNELS = ("libggml-base.so", "libggml-cpu.so")
COMPILERS = {"gcc": Toolchain(c="gcc", cxx="g++"), "clang": Toolchain(c="clang", cxx="clang++")}


@pytest.fixture(scope="module")
def source():
    return resolve_source(load_pins().default)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_two_folders_give_the_same_libraries(compiler, source, tmp_path):
    """The kernels alone, compiled twice without a cache: what any of ggml's files does to it."""
    variant = msgspec.structs.replace(
        load_catalogue(source.spec, []).get("native"), toolchain=COMPILERS[compiler]
    )
    plan = make_plan(variant, source, jobs=2, compiler_cache=False)
    *before, compiling = plan.steps
    argv = (*compiling.argv[: -len(plan.outputs)], "ggml-cpu")
    plan = msgspec.structs.replace(
        plan, steps=(*before, msgspec.structs.replace(compiling, argv=argv))
    )
    digests = []
    for folder in (tmp_path / "one", tmp_path / "another" / "deeper"):
        folder.mkdir(parents=True)
        run_steps(plan, variant, Path(source.tree), folder / "build", folder / "log", None)
        binaries = folder / "build" / "bin"
        digests.append([digest(binaries / name) for name in KERNELS])
    assert digests[0] == digests[1]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
