"""What a build's kernels leave unused on a CPU, and what they need that it lacks."""

import msgspec
import pytest

from llamabuild.inspect import checked_groups
from llamabuild.inspect.ggml_features import cpu_fit, facts
from llamabuild.machine.features import feature_table
from llamabuild.types.inspection import FunctionIsa, Inspection
from tests.runs import CPU as PLAIN

AVX2 = ("avx", "avx2", "fma", "f16c", "bmi2")
CPU = msgspec.structs.replace(PLAIN, features=AVX2)
OLD = msgspec.structs.replace(CPU, features=("sse3", "sse41", "ssse3"))
WIDE = msgspec.structs.replace(
    CPU, features=("avx", "avx2", "avx512f", "avx512vnni", "avxvnni", "bmi2", "f16c", "fma")
)


def inspected(file, *groups, function="ggml_vec_dot_q4_0_q8_0", stripped=False, more=()):
    functions = [(function, groups), *more]
    return Inspection(
        file=file,
        architecture="x86_64",
        instructions=100,
        vector=50,
        highest="none",
        groups=dict.fromkeys(groups, 1),
        functions=tuple(
            FunctionIsa(
                name=name,
                address=0,
                size=1,
                instructions=1,
                vector=1,
                groups=dict.fromkeys(own, 1),
            )
            for name, own in functions
        ),
        stripped=stripped,
    )


def test_what_the_cpu_has_and_the_kernels_leave_unused():
    fit = cpu_fit([inspected("libggml-cpu.so.0", "sse2")], CPU)
    assert fit.missing == ("avx", "avx2", "fma", "f16c", "bmi2")
    assert fit.lacking == ()


def test_what_the_cpu_lacks_is_not_missing():
    assert cpu_fit([inspected("libggml-cpu.so.0", "sse2")], OLD).missing == ()


def test_kernels_that_need_more_than_the_cpu_has():
    fit = cpu_fit([inspected("libggml-cpu.so.0", *AVX2, function="ggml_gemv")], OLD)
    assert fit.lacking == ("bmi2", "avx", "f16c", "fma", "avx2")
    assert fit.where == "ggml_gemv"


def test_of_dispatched_libraries_the_best_that_can_be_loaded_counts():
    members = [
        inspected("libggml-cpu-x64.so", "sse2"),
        inspected("libggml-cpu-haswell.so", *AVX2),
        inspected("libggml-cpu-skylakex.so", *AVX2, "avx512f"),
    ]
    assert cpu_fit(members, CPU) == cpu_fit(members[1:2], CPU)
    assert cpu_fit(members, CPU).missing == ()
    assert cpu_fit(members, OLD).lacking == ()
    assert cpu_fit(members[1:], OLD).lacking != ()


def test_avx_vnni_is_not_missing_beside_its_wider_form():
    wide = inspected("libggml-cpu.so", *AVX2, "avx512f", "avx512vnni")
    assert cpu_fit([wide], WIDE).missing == ()
    narrow = inspected("libggml-cpu.so", *AVX2)
    assert cpu_fit([narrow], WIDE).missing == ("avx512f", "avx512vnni", "avxvnni")


def test_of_a_whole_program_only_kernels_count():
    libc = [("__memcpy_avx512_unaligned", ("avx512f",))]
    program = inspected("llama-bench", "sse2", more=libc)
    assert cpu_fit([program], CPU).lacking == ()
    assert "avx512f" in cpu_fit([program], WIDE).missing


def test_nothing_is_claimed_of_the_needs_of_a_stripped_program():
    program = inspected("llama-bench", "avx512f", function=".text", stripped=True)
    assert cpu_fit([program], CPU).lacking == ()
    library = inspected("libggml-cpu.so.0", "avx512f", function=".text", stripped=True)
    assert cpu_fit([library], CPU).lacking == ("avx512f",)


def test_amx_which_ggml_asks_for_at_its_start_is_no_need():
    assert cpu_fit([inspected("libggml-cpu.so.0", "amx")], OLD).lacking == ()


def test_without_inspections_nothing_is_said():
    fit = cpu_fit([], CPU)
    assert (fit.lacking, fit.missing) == ((), ())


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_table_names_groups_and_features_that_exist(architecture):
    table = facts().groups(architecture)
    names = [*table.matter, *table.needed, *table.covered_by, *table.covered_by.values()]
    assert checked_groups(names) == tuple(names)
    assert set(names) <= {feature.name for feature in feature_table().feature}
