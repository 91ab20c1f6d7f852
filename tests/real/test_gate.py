"""``inspect`` as a gate on what was really built."""

import json

import pytest

from .test_inspect_decoder import disagreements


def test_avx2_passes_the_gate(kernel_library, llamabuild):
    library = kernel_library("avx2")
    result = llamabuild("inspect", str(library), "--require", "avx2,fma", "--forbid", "avx512f")
    assert result.returncode == 0, result.stderr


def test_generic_fails_it_and_says_what_is_missing(kernel_library, llamabuild):
    library = kernel_library("generic")
    result = llamabuild("inspect", str(library), "--require", "avx2,fma", "--forbid", "avx512f")
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert "avx2" in said
    assert "fma" in said


def test_a_variant_can_be_named_and_its_own_promises_hold(built, llamabuild, tmp_path):
    result = llamabuild("inspect", "avx2", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["architecture"] == "x86_64"
    assert found["groups"]["avx2"] > 1000
    assert {"name", "address", "size", "instructions", "groups"} <= set(found["functions"][0])


@pytest.mark.parametrize("name", ["generic", "avx2", "native"])
def test_every_count_agrees_with_an_independent_decoder(kernel_library, name):
    assert disagreements(kernel_library(name)) == []
