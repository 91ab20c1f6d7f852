"""Names and speeds of the small run: nine builds, three of them without results."""

from __future__ import annotations

import hashlib

from llamabuild.types.run import NOISE_ARM, Workload

RUN_ID = "20261122-091500-7f3a"
BASELINE_ARM = "avx2"
BLOCKS = 14
DISCARDED = 6
WORKLOADS = (
    Workload(name="pp64", kind="pp", tokens=64, seconds=0.5, max_repetitions=8),
    Workload(name="tg16", kind="tg", tokens=16, seconds=0.5, max_repetitions=8),
)
BASE_SPEED = {"pp64": 412.0, "tg16": 96.0}
SPEED = {
    "generic": (0.031, 0.13),
    "sse42": (0.43, 0.71),
    "avx2": (1.0, 1.0),
    "avx512": (1.06, 1.004),
    "avx512-vnni": (1.36, 1.001),
    "native": (1.38, 1.018),
    NOISE_ARM: (1.0, 1.0),
}
DESCRIPTIONS = {
    "generic": "Plain x86-64: no SIMD flags beyond what the architecture guarantees",
    "sse42": "SSE4.2, for CPUs before 2011",
    "avx2": "AVX2, FMA, F16C and BMI2: what portable wheels and packages ship",
    "avx512": "AVX-512 F, CD, VL, DQ and BW",
    "avx512-vnni": "AVX-512 with VNNI and VBMI",
    "native": "What the compiler finds on this CPU: upstream's default",
    "amx": "AMX tiles for int8 and bf16",
    "lto": "AVX2 with link-time optimization",
    "fast-math": "AVX2 with -Ofast",
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
