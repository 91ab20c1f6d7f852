"""The same plan twice, in two folders, gives the same bytes."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from llamabuild.build import make_plan
from llamabuild.build.execute import run_steps
from llamabuild.machine.cpu import detect_cpu
from llamabuild.source import resolve_source
from llamabuild.source.pins import load_pins
from llamabuild.variants import load_catalogue, unsupported_reason

TARGET = "llama"
LIBRARIES = ("libggml-base.so", "libggml-cpu.so", "libggml.so", "libllama.so")


@pytest.fixture(scope="module")
def source():
    return resolve_source(load_pins().default)


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_two_folders_give_the_same_libraries(name, source, tmp_path):
    """All libraries that run hot code, compiled twice without a cache."""
    variant = load_catalogue(source.spec, []).get(name)
    if reason := unsupported_reason(variant, detect_cpu()):
        pytest.skip(reason)
    plan = make_plan(variant, source, jobs=2, compiler_cache=False)
    *before, compiling = plan.steps
    argv = (*compiling.argv[: -len(plan.outputs)], TARGET)
    plan = msgspec.structs.replace(
        plan, steps=(*before, msgspec.structs.replace(compiling, argv=argv))
    )
    digests = []
    for folder in (tmp_path / "one", tmp_path / "another" / "deeper"):
        folder.mkdir(parents=True)
        run_steps(plan, variant, Path(source.tree), folder / "build", folder / "log", None)
        binaries = folder / "build" / "bin"
        digests.append({library: digest(binaries / library) for library in LIBRARIES})
    assert digests[0] == digests[1]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
