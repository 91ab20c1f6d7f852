"""Profile-guided builds by real compilers, on a tree of a few lines."""

import shutil
import subprocess

import msgspec
import pytest

from llamabuild.build import ensure_profiles, execute_plan
from llamabuild.errors import BuildFailed
from llamabuild.store.builds import files_folder
from llamabuild.store.profiles import data_digest, load_profile, profile_data, profile_folder
from tests.real.tiny_tree import KERNELS, MODEL, build, has_tool, make_tree, make_variant

COMPILERS = [
    "gcc",
    pytest.param("clang", marks=pytest.mark.skipif(not has_tool("clang"), reason="no clang")),
]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """Nothing of these builds is of use to anyone."""
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "state"))


def output(made, program="llama-bench"):
    """What a program of a build prints."""
    path = files_folder(made.id) / program
    return subprocess.run([path], capture_output=True, check=True, text=True).stdout


def library(made, name="libggml-cpu.so.0.0.1"):
    return (files_folder(made.id) / name).read_bytes()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_profile_guided_build(compiler, tmp_path):
    source = make_tree(tmp_path / "tree")
    plain = build(make_variant(compiler), source)
    guided = build(make_variant(compiler, pgo=True), source)
    [profile] = guided.profiles
    assert profile.kind == compiler.partition("-")[0]
    # ggml_vec_dot, llama_decode and, unless they are inlined first, what they call
    assert 2 <= profile.trained < profile.functions
    assert [s.name for s in profile.stages] == ["configure", "compile", "train", "merge"]
    assert guided.id != plain.id
    assert output(guided) == output(plain)
    assert library(guided) != library(plain)
    for mark in (b"__gcov", b"__llvm_profile"):
        assert mark not in library(guided)


def test_the_compiler_itself_refuses_counters_of_another_source(tmp_path):
    """Even where someone puts them under the right key with the right digest."""
    source = make_tree(tmp_path / "tree")
    variant = make_variant("gcc", pgo=True)
    other = make_tree(tmp_path / "other", KERNELS.replace("n < 0 ?", "n < 0 || n > 5000 ?"))
    [foreign] = ensure_profiles(variant, other, MODEL, jobs=2, compiler_cache=False).profiles
    [own] = ensure_profiles(variant, source, MODEL, jobs=2, compiler_cache=False).profiles
    data = profile_data(own.key)
    shutil.rmtree(data)
    shutil.copytree(profile_data(foreign.key), data)
    assert load_profile(own.key) is None  # found by its digest, and made anew if it stays at that
    forged = msgspec.structs.replace(own, sha256=data_digest(data))
    (profile_folder(own.key) / "manifest.json").write_bytes(msgspec.json.encode(forged))
    plan = ensure_profiles(variant, source, MODEL, jobs=2, compiler_cache=False)
    assert plan.profiles == (forged,)
    with pytest.raises(BuildFailed, match="compile failed: .*coverage-mismatch"):
        execute_plan(plan, variant, tmp_path / "tree")


def test_the_same_profile_gives_the_same_bytes_in_another_folder(tmp_path):
    source = make_tree(tmp_path / "tree")
    variant = make_variant("gcc", pgo=True)
    first = build(variant, source)
    before = library(first)
    shutil.rmtree(files_folder(first.id).parent)
    again = build(variant, source)
    assert again.id == first.id
    assert library(again) == before
