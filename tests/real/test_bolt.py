"""BOLT on real libraries, of a tree of a few lines."""

import pytest

from llamabuild.build.llvm import newest_tool
from llamabuild.errors import EnvironmentLacks
from llamabuild.store.builds import files_folder, load_build
from tests.real.test_pgo import library, output, own_cache
from tests.real.tiny_tree import build, has_tool, make_tree, make_variant

__all__ = ["own_cache"]
MARK = b".bolt.org.text"
"""Section of the code as it was, which llvm-bolt leaves in what it wrote."""


def has_bolt():
    try:
        newest_tool("llvm-bolt", "19")
    except EnvironmentLacks:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_bolt(), reason="no llvm-bolt")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_bolt_rewrites_the_libraries_that_matter(compiler, tmp_path):
    if not has_tool(compiler):
        pytest.skip(f"no {compiler}")
    source = make_tree(tmp_path / "tree")
    plain = build(make_variant(compiler), source)
    made = build(make_variant(compiler, bolt=True), source)
    [profile] = made.profiles
    assert profile.kind == "bolt"
    assert 2 <= profile.trained <= profile.functions
    assert [s.name for s in profile.stages] == ["instrument", "train"]
    assert [s.name for s in made.stages] == ["configure", "compile", "bolt"]
    for name in ("libggml-cpu.so.0.0.1", "libllama.so.0.0.1"):
        assert MARK in library(made, name)
        assert b"bolt_instr" not in library(made, name)
    assert MARK not in library(made, "libggml-base.so.0.0.1")
    links = {path.name for path in files_folder(made.id).iterdir() if path.is_symlink()}
    assert links == {path.name for path in files_folder(plain.id).iterdir() if path.is_symlink()}
    assert output(made) == output(plain)
    intermediate = load_build(made.plan.input, full=True)
    assert intermediate is not None
    assert MARK not in library(intermediate)


def test_pgo_then_bolt(tmp_path):
    source = make_tree(tmp_path / "tree")
    made = build(make_variant("gcc", pgo=True, bolt=True), source)
    assert [profile.kind for profile in made.profiles] == ["gcc", "bolt"]
    assert MARK in library(made)
    assert output(made) == output(build(make_variant("gcc"), source))
    alone = build(make_variant("gcc", pgo=True), source)
    assert alone.profiles == made.profiles[:1]
