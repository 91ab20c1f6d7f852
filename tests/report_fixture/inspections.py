"""What the machine code of the made-up builds holds."""

from __future__ import annotations

import random

from llamabuild.types.inspection import FunctionIsa, Inspection

GROUPS = {
    "generic": {"sse2": 0.31},
    "sse42": {"sse2": 0.42, "ssse3": 0.09, "sse41": 0.07, "sse42": 0.01},
    "avx2": {"sse2": 0.02, "avx": 0.38, "avx2": 0.21, "fma": 0.08, "f16c": 0.01, "bmi2": 0.01},
    "avx512": {
        "avx": 0.24, "avx2": 0.16, "fma": 0.07, "f16c": 0.01, "bmi2": 0.01,
        "avx512f": 0.17, "avx512vl": 0.09, "avx512dq": 0.03, "avx512bw": 0.02,
    },
    "avx512-vnni": {
        "avx": 0.22, "avx2": 0.13, "fma": 0.06, "f16c": 0.01, "bmi2": 0.01,
        "avx512f": 0.19, "avx512vl": 0.12, "avx512dq": 0.03, "avx512bw": 0.03, "avx512vnni": 0.05,
    },
    "native": {
        "avx": 0.20, "avx2": 0.13, "fma": 0.06, "f16c": 0.01, "bmi2": 0.02, "avxvnni": 0.02,
        "avx512f": 0.20, "avx512vl": 0.13, "avx512dq": 0.03, "avx512bw": 0.03, "avx512vnni": 0.05,
    },
}  # fmt: skip
FUNCTIONS = (
    ("ggml_vec_dot_q4_1_q8_1", 118),
    ("ggml_vec_dot_q4_0_q8_0", 131),
    ("ggml_vec_dot_q6_K_q8_K", 402),
    ("ggml_vec_dot_f16", 96),
    ("ggml_vec_dot_f32", 88),
    ("quantize_row_q8_1", 174),
    ("quantize_row_q8_0", 160),
    ("ggml_quantize_mat_q8_0_4x8", 327),
    ("ggml_gemm_q4_1_8x8_q8_1", 1782),
    ("ggml_gemv_q4_1_8x8_q8_1", 356),
    (
        "void (anonymous namespace)::tinyBLAS_Q0_AVX<block_q4_1, block_q8_1, float>::gemm<4, 2>(long, long)",
        640,
    ),
    ("ggml_vec_dot_q4_1_q8_1_generic", 92),
    ("ggml_compute_forward_rope", 1720),
    ("ggml_graph_plan", 930),
)


def inspection(name: str) -> Inspection:
    generator = random.Random(name)
    functions = []
    for place, (function, size) in enumerate(FUNCTIONS):
        weight = 0.05 if function.endswith(("_generic", "plan")) else generator.uniform(0.75, 1.2)
        groups = {group: round(share * size * weight) for group, share in GROUPS[name].items()}
        groups = {group: number for group, number in groups.items() if number}
        functions.append(
            FunctionIsa(
                name=function,
                address=0x34000 + place * 0x1000,
                size=size * 5,
                instructions=size,
                vector=min(size, round(sum(groups.values()) * 0.93)),
                groups=groups,
            )
        )
    total = {
        group: sum(function.groups.get(group, 0) for function in functions)
        for group in GROUPS[name]
    }
    return Inspection(
        file="libggml-cpu.so.0.25.3",
        architecture="x86_64",
        instructions=sum(function.instructions for function in functions),
        vector=sum(function.vector for function in functions),
        highest=list(GROUPS[name])[-1],
        groups=total,
        functions=tuple(functions),
        stripped=False,
    )
