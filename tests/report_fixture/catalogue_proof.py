"""What the catalogue's builds were seen to do: functions that ran, memory, profiles."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from llamabuild.types.build import Profile, Stage
from llamabuild.types.proof import Allocation, Execution, FunctionShare
from tests.report_fixture.base import digest

if TYPE_CHECKING:
    from tests.report_fixture.catalogue_rows import Row

RESIDENT = 1_420_000_000
WEIGHTS = 0.9
AVX2 = ("avx", "f16c", "fma", "avx2")
VNNI = (*AVX2, "avx512f", "avx512vl", "avx512bw", "avx512vnni")
LIBRARIES = {"mimalloc": "libmimalloc.so.2.0", "jemalloc": "libjemalloc.so.2",
             "hugealloc": "libhugealloc.so"}  # fmt: skip


def executions(row: Row) -> tuple[Execution, ...]:
    """Return what ran on both workloads; one build could not be sampled."""
    if row.name == "static":
        reason = "no symbols: llama-bench is stripped"
        return tuple(
            Execution(workload=workload, method="", samples=0, reason=reason)
            for workload in ("pp64", "tg16")
        )
    return (_execution(row, "pp64", _prompt(row)), _execution(row, "tg16", _generation(row)))


def _prompt(row: Row) -> list[tuple[str, float, tuple[str, ...]]]:
    if row.isa in {"generic", "sse42"}:
        return [("ggml_vec_dot_q4_K_q8_K", 0.78, ("sse2",)), ("ggml_vec_dot_q6_K_q8_K", 0.14, ())]
    if row.name == "no-repack":
        return [("ggml_tiled_matmul<block_q4_K>", 0.71, VNNI), ("quantize_row_q8_K", 0.04, AVX2)]
    groups = AVX2 if row.isa == "avx2" else VNNI
    return [
        ("ggml_gemm_q4_K_8x8_q8_K", 0.74, groups),
        ("tinyBLAS_Q0_AVX<block_q6_K, block_q8_K, float>::gemm<4, 2>", 0.09, groups),
    ]


def _generation(row: Row) -> list[tuple[str, float, tuple[str, ...]]]:
    if row.isa in {"generic", "sse42"}:
        return [("ggml_vec_dot_q4_K_q8_K", 0.81, ("sse2",)), ("ggml_vec_dot_q6_K_q8_K", 0.12, ())]
    if row.source.startswith("pypi:ik"):
        return [("mul_mat_qX_K_q8_2_X4_T<DequantizerQ4K_AVX2, 1>", 0.77, VNNI)]
    if row.name == "no-repack":
        return [("ggml_vec_dot_q4_K_q8_K", 0.79, AVX2), ("ggml_vec_dot_q6_K_q8_K", 0.1, AVX2)]
    return [("ggml_gemv_q4_K_8x8_q8_K", 0.81, AVX2), ("ggml_vec_dot_q6_K_q8_K", 0.085, AVX2)]


def _execution(
    row: Row, workload: str, kernels: list[tuple[str, float, tuple[str, ...]]]
) -> Execution:
    generator = random.Random(f"{row.build or row.name} {workload}")
    cpu = "libggml-cpu-sapphirerapids.so" if row.name == "dispatch" else "libggml-cpu.so"
    shares = [
        (name, cpu, round(share * generator.uniform(0.94, 1.0), 3), groups)
        for name, share, groups in kernels
    ]
    shares += [("ggml_compute_forward_flash_attn_ext", cpu, 0.021, AVX2),
               ("ggml_vec_dot_f16", cpu, 0.012, AVX2)]  # fmt: skip
    waiting = ("ggml_barrier", cpu) if row.name == "no-openmp" else ("[unknown]", "libgomp.so.1")
    shares.append((*waiting, round(generator.uniform(0.02, 0.05), 3), ()))
    libraries: dict[str, float] = {}
    for _, library, share, _ in shares:
        libraries[library] = round(libraries.get(library, 0.0) + share, 3)
    libraries["libllama.so"] = round(1 - sum(libraries.values()), 3)
    return Execution(
        workload=workload,
        method="SIGPROF sampler" if row.kind == "prebuilt" else "perf cpu-clock",
        samples=generator.randrange(3_000, 9_000),
        functions=tuple(
            FunctionShare(name=name, library=library, share=share, groups=groups)
            for name, library, share, groups in sorted(shares, key=lambda item: -item[2])
        ),
        libraries=dict(sorted(libraries.items(), key=lambda item: -item[1])),
    )


def allocation(row: Row) -> Allocation:
    """Return whose malloc answered and where the memory lay."""
    wrong = row.status == "wrong allocator"
    expected = row.allocator.name
    library = LIBRARIES.get(expected, "libc.so.6")
    return Allocation(
        expected=expected,
        library="llama-bench" if wrong else library,
        passed=not wrong,
        reason=row.reason if wrong else "",
        resident_bytes=RESIDENT,
        huge_bytes=round(RESIDENT * row.huge),
        weights_bytes=round(RESIDENT * WEIGHTS),
        weights_huge_bytes=round(RESIDENT * min(WEIGHTS, row.huge)),
    )


def profiles(row: Row) -> tuple[Profile, ...]:
    """Return the profiles that went into a build, in the order of their use."""
    kinds = ["clang" if row.compiler else "gcc"] * row.optimize.pgo + ["bolt"] * row.optimize.bolt
    return tuple(_profile(row, kind) for kind in kinds)


def _profile(row: Row, kind: str) -> Profile:
    key = f"{kind} {row.compiler}{' pgo' if kind == 'bolt' and row.optimize.pgo else ''}"
    bolt = kind == "bolt"
    return Profile(
        key=digest(key),
        kind=kind,
        sha256=digest(f"{key} data"),
        functions=6_812 if bolt else 9_431,
        trained=702 if bolt else 1_288,
        training=(
            "llama-bench -t 1 -p 24 -n 0 -r 1 -m /home/someone/models/train.gguf",
            "llama-bench -t 1 -p 0 -n 6 -r 1 -m /home/someone/models/train.gguf",
        ),
        model="SmolLM2 135M Instruct Q4_1",
        model_sha256=digest("model"),
        size_bytes=1_300_000,
        stages=(
            Stage(name="instrument", seconds=9.1 if bolt else 118.0,
                  cpu_seconds=9.0 if bolt else 231.0),
            Stage(name="train", seconds=41.0, cpu_seconds=40.4),
            Stage(name="merge", seconds=0.6, cpu_seconds=0.5),
        ),
    )  # fmt: skip
