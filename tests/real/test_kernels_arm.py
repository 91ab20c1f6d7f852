"""The ARM kernels, compiled by a cross compiler and run by an emulator."""

import platform
import shutil

import pytest

from .kernel_check import build, check, names

COMPILER = shutil.which("aarch64-linux-gnu-g++")
EMULATOR = shutil.which("qemu-aarch64")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no aarch64-linux-gnu-g++"),
    pytest.mark.skipif(EMULATOR is None, reason="no qemu-aarch64"),
]

# What the kernels of each instruction set are for at least, on ARM.
FORMATS = ("q4_0", "q8_0", "q4_K", "q6_K")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    cross = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64")
    return build(
        tmp_path_factory.mktemp("aarch64"),
        *(cross if platform.machine() != "aarch64" else ()),
        f"-DCMAKE_CXX_COMPILER={COMPILER}",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    )


def test_all_kernels_are_right_on_a_cpu_that_has_all(program):
    result = check(EMULATOR, "-cpu", "max", program)
    assert result.status == 0, result.text
    assert not result.skipped
    assert result.ok == names(EMULATOR, program)
    for isa in ("neon", "dotprod", "i8mm"):
        assert {f"vec_dot_{name}_{isa}" for name in FORMATS} <= result.ok
        assert {f"gemv_{name}_8_{isa}" for name in FORMATS} <= result.ok


@pytest.mark.parametrize(
    ("cpu", "lacking"),
    [
        ("cortex-a57", {"dotprod": "dotprod", "i8mm": "dotprod"}),
        ("neoverse-n1", {"i8mm": "i8mm"}),
    ],
)
def test_kernels_are_skipped_on_a_cpu_that_lacks_their_instructions(program, cpu, lacking):
    result = check(EMULATOR, "-cpu", cpu, program, "--kernel", "*_q8_0_*")
    assert result.status == 0, result.text
    skipped = {name: name.rsplit("_", 1)[1] for name in result.skipped}
    assert set(skipped.values()) == set(lacking)
    assert result.skipped == {name: lacking[isa] for name, isa in skipped.items()}
    assert "vec_dot_q8_0_neon" in result.ok
