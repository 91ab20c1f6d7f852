"""Verdicts, and the sentence that says why."""

import pytest

from llamabuild.inspect import check_expectations, function_glob
from llamabuild.types.inspection import FunctionIsa, Inspection
from llamabuild.types.variant import Expectation


def function(name, **groups):
    return FunctionIsa(
        name=name, address=0, size=10, instructions=5, vector=sum(groups.values()), groups=groups
    )


def inspection(file, *functions):
    return Inspection(
        file=file,
        architecture="x86_64",
        instructions=10,
        vector=5,
        highest="avx2",
        groups={},
        functions=functions,
        stripped=False,
    )


CPU = inspection(
    "libggml-cpu.so.0",
    function("ggml_vec_dot_q4_0_q8_0", avx=3, avx2=2),
    function("ggml_vec_dot_q8_0_q8_0", avx=1, fma=1),
    function("ggml::helper(int)", avx512f=1),
)
BASE = inspection("libggml-base.so.0", function("ggml_init"))


def check(*inspections, **expectation):
    (result,) = check_expectations(inspections, [Expectation(**expectation)])
    return result


def test_required_groups_may_be_in_different_functions():
    result = check(
        CPU, BASE, binary="libggml-cpu*", function="ggml_vec_dot_*", require=("avx2", "fma")
    )
    assert result.passed
    assert (result.reason, result.missing, result.present) == ("", (), {})


def test_a_missing_group_is_named():
    result = check(CPU, binary="*", function="ggml_vec_dot_*", require=("avx2", "avx512f"))
    assert not result.passed
    assert result.missing == ("avx512f",)
    assert result.reason == (
        "libggml-cpu.so.0: no avx512f instruction in functions matching 'ggml_vec_dot_*'"
    )


def test_without_a_function_pattern_the_sentence_is_shorter():
    assert (
        check(BASE, binary="*", require=("avx2",)).reason
        == "libggml-base.so.0: no avx2 instruction"
    )


def test_a_forbidden_group_names_the_first_function():
    result = check(CPU, binary="*", forbid=("avx", "avx512f"))
    assert result.present == {"avx": "ggml_vec_dot_q4_0_q8_0", "avx512f": "ggml::helper(int)"}
    assert result.reason == (
        "libggml-cpu.so.0: 3 avx instructions in 'ggml_vec_dot_q4_0_q8_0'; "
        "libggml-cpu.so.0: 1 avx512f instruction in 'ggml::helper(int)'"
    )


def test_forbidden_elsewhere_is_no_matter():
    assert check(CPU, binary="*", function="ggml_vec_dot_*", forbid=("avx512f",)).passed


@pytest.mark.parametrize(
    ("expectation", "reason"),
    [
        ({"binary": "libllama*"}, "no inspected file matches 'libllama*'"),
        (
            {"binary": "libggml-c*", "function": "ggml_gemm_*"},
            "libggml-cpu.so.0: no function matches 'ggml_gemm_*'",
        ),
    ],
)
@pytest.mark.parametrize("groups", [{"require": ("avx2",)}, {"forbid": ("amx",)}])
def test_an_expectation_of_nothing_fails(expectation, reason, groups):
    result = check(CPU, **expectation, **groups)
    assert not result.passed
    assert result.reason == reason


def test_members_match_by_their_own_name():
    wheel = inspection("x-1.whl(pkg/lib/libggml-cpu.so)", function("f", avx2=1))
    archive = inspection("libggml.a(quants.c.o)", function("f", avx2=1))
    assert check(wheel, archive, binary="libggml-cpu*", require=("avx2",)).passed
    assert check(archive, binary="quants*", require=("avx2",)).passed
    assert check(archive, binary="libggml.a*", require=("avx2",)).passed


def test_a_name_cannot_steer_the_terminal():
    evil = inspection("x.so", function("f\x1b]0;owned\x07", avx=1))
    assert "\x1b" not in check(evil, binary="*", forbid=("avx",)).reason


def test_function_glob():
    assert [f.name for f in function_glob(CPU, "ggml_vec_dot_q8*")] == ["ggml_vec_dot_q8_0_q8_0"]
    assert function_glob(CPU, "GGML*") == ()
