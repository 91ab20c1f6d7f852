"""What ran, in words."""

import pytest

from llamabuild.report.execution_words import execution_sentence, function_words
from llamabuild.types.proof import Execution, FunctionShare

LIBRARY = "libggml-cpu.so.0"
AVX2 = ("avx", "fma", "avx2")
GEMV = FunctionShare(name="ggml_gemv_q4_K_8x8_q8_K", library=LIBRARY, share=0.81, groups=AVX2)
WAIT = FunctionShare(name="[unknown]", library="libgomp.so.1.0.0", share=0.12)


def execution(*functions, **fields):
    libraries = {}
    for function in functions:
        libraries[function.library] = libraries.get(function.library, 0) + function.share
    values = {"method": "perf cpu-clock", "samples": 1000, "libraries": libraries}
    return Execution(workload="tg16", functions=functions, **{**values, **fields})


def test_the_busiest_function_and_what_it_is_made_of():
    assert execution_sentence(execution(GEMV)) == (
        "81 % of tg16 in ggml_gemv_q4_K_8x8_q8_K (AVX2, no VNNI)"
    )


def test_waiting_is_said_and_never_taken_for_the_busiest_function():
    waits = FunctionShare(name="[unknown]", library="libgomp.so.1.0.0", share=0.9)
    assert execution_sentence(execution(waits, GEMV)).endswith("VNNI), 90 % waiting in libgomp")
    little = FunctionShare(name="[unknown]", library="libgomp.so.1.0.0", share=0.04)
    assert "waiting" not in execution_sentence(execution(GEMV, little))
    own = FunctionShare(name="ggml_barrier", library=LIBRARY, share=0.82, groups=("sse2",))
    assert execution_sentence(execution(own, GEMV)) == (
        "81 % of tg16 in ggml_gemv_q4_K_8x8_q8_K (AVX2, no VNNI), 82 % waiting in ggml_barrier"
    )
    assert execution_sentence(execution(WAIT)) == "12 % of tg16 waiting in libgomp"


def test_without_samples_there_is_a_reason():
    found = execution(samples=0, reason="'perf' was not found")
    assert execution_sentence(found) == "tg16: not sampled: 'perf' was not found"


def test_without_functions_nothing_is_made_up():
    assert execution_sentence(execution()) == "tg16: no function stands out"


@pytest.mark.parametrize(
    ("name", "groups", "words"),
    [
        ("ggml_vec_dot_q4_1_q8_1", (*AVX2, "avx512f", "avx512vl", "avx512vnni"), "AVX-512, VNNI"),
        ("ggml_vec_dot_q4_1_q8_1", (*AVX2, "avxvnni"), "AVX2, VNNI"),
        ("ggml_vec_dot_iq4_nl_q8_0", AVX2, "AVX2, no VNNI"),
        ("ggml_vec_dot_f16", AVX2, "AVX2"),
        ("ggml_vec_dot_q4_0_q8_0", ("neon",), "NEON, no DOTPROD"),
        ("ggml_gemm_q4_0_4x8_q8_0", ("neon", "dotprod", "i8mm"), "NEON, I8MM"),
        ("ggml_vec_dot_q4_0_q8_0", ("bmi2",), "no SIMD"),
    ],
)
def test_instructions_in_words(name, groups, words):
    function = FunctionShare(name=name, library=LIBRARY, share=0.5, groups=groups)
    assert function_words(function) == f"{name} ({words})"


def test_a_function_that_was_not_inspected_is_only_named():
    function = FunctionShare(name="std::sort<int>(int*, int*)", library="libllama.so", share=0.5)
    assert function_words(function) == "std::sort<int>"
    assert function_words(WAIT) == "libgomp.so.1.0.0 (no symbols)"
