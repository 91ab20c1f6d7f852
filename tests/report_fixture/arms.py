"""The small run's builds, from plan to proof."""

from __future__ import annotations

from llamabuild.types.build import Build, BuiltFile, Plan
from llamabuild.types.inspection import ExpectationResult
from llamabuild.types.machine import Tool
from llamabuild.types.run import Arm, Equivalence
from llamabuild.types.variant import Expectation, Requires, Variant
from tests.report_fixture.base import BASELINE_ARM, DESCRIPTIONS, digest
from tests.report_fixture.inspections import GROUPS, inspection


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
