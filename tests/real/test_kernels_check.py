"""Every kernel that this CPU has, alone: optimized, and under the address and undefined sanitizers."""

import shutil

import pytest

from .kernel_check import build, check, names

# A CPU with AVX-512-VNNI alone has the instruction of the avxvnni kernels in another encoding.
FLAGS = "-DLB_AVXVNNI_AS_AVX512VL"
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all"

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")


@pytest.fixture(scope="module")
def optimized(tmp_path_factory):
    return build(tmp_path_factory.mktemp("optimized"), f"-DCMAKE_CXX_FLAGS={FLAGS}")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_optimized_kernels_are_right(optimized, seed):
    result = check(optimized, "--seed", seed)
    assert result.status == 0, result.text
    assert not result.failed
    assert result.ok | set(result.skipped) == names(optimized)
    assert {f"vec_dot_{name}_scalar" for name in ("q4_K", "q8_0", "mxfp4", "f16")} <= result.ok


def test_only_the_kernels_asked_for_are_checked(optimized):
    result = check(optimized, "--kernel", "vec_dot_q6_K_scalar")
    assert result.ok == {"vec_dot_q6_K_scalar"}
    assert result.text.splitlines()[-1] == "1 checked, 0 failed, 0 skipped"


@pytest.mark.parametrize("arguments", [("--kernel", "nothing"), ("--seed",), ("--wrong",)])
def test_a_check_of_nothing_is_no_success(optimized, arguments):
    assert check(optimized, *arguments).status in (1, 2)


def test_sanitizers_find_nothing(tmp_path):
    program = build(
        tmp_path,
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DLLAMABUILD_CHECK_OPTIMIZATION=-O1",
        f"-DCMAKE_CXX_FLAGS={FLAGS} -O1 {SANITIZERS}",
    )
    result = check(program)
    assert result.status == 0, result.text
    assert "ERROR" not in result.text
    assert "runtime error" not in result.text
    assert result.ok | set(result.skipped) == names(program)
