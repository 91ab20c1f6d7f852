"""A run of the whole catalogue against ``native``: everything that a report can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.types.build import Stage
from llamabuild.types.inputs import Source
from llamabuild.types.inspection import ExpectationResult
from llamabuild.types.machine import Tool
from llamabuild.types.proof import Prebuilt
from llamabuild.types.run import NOISE_ARM, Arm, Equivalence
from llamabuild.types.variant import Expectation, Runtime, Toolchain, Variant
from tests.report_fixture import small
from tests.report_fixture.arms import build as small_build
from tests.report_fixture.base import digest
from tests.report_fixture.catalogue_proof import allocation, executions, profiles
from tests.report_fixture.catalogue_rows import DESCRIPTIONS, ROWS
from tests.report_fixture.compared import compare
from tests.report_fixture.inspections import inspection
from tests.report_fixture.measured import trials as measured_trials

if TYPE_CHECKING:
    from llamabuild.types.build import Build
    from llamabuild.types.comparison import ComparisonSet
    from llamabuild.types.inspection import FunctionIsa, Inspection
    from llamabuild.types.run import Run, Trial
    from tests.report_fixture.catalogue_rows import Row

RUN_ID = "20261122-181500-c47a"
BASELINE_ARM = "native"
SPEED = {row.name: (row.pp, row.tg) for row in ROWS if row.pp} | {NOISE_ARM: (1.0, 1.0)}
BASE_SPEED = {"pp64": 146.0, "tg16": 21.4}
MEMORY = {row.name: (11_200, 1_530_000_000) for row in ROWS if row.huge > 0.5}
Q4_K = {
    "q4_1_q8_1": "q4_K_q8_K",
    "q4_1_8x8_q8_1": "q4_K_8x8_q8_K",
    "q4_1, block_q8_1": "q4_K, block_q8_K",
}


def run() -> Run:
    """Return the run."""
    base = small.run()
    return msgspec.structs.replace(
        base,
        id=RUN_ID,
        started="2026-11-22T18:15:00Z",
        finished="2026-11-22T20:41:00Z",
        command=("llamabuild", "variants", "--set", "all", "--seed", "20261122"),
        model=msgspec.structs.replace(
            base.model,
            spec="synthetic:tinyllama-1.1b:Q4_K_M",
            name="tinyllama-1.1b",
            quantization="Q4_K_M",
            size_bytes=667_000_000,
            parameters=1_100_048_384,
            layers=22,
            embedding_length=2048,
            synthetic=True,
        ),
        baseline=BASELINE_ARM,
        arms=tuple(arm(row) for row in ROWS),
    )


def trials() -> tuple[Trial, ...]:
    """Return its trials."""
    return measured_trials(SPEED, BASE_SPEED, MEMORY)


def comparison_set() -> ComparisonSet:
    """Return its comparisons."""
    return compare(trials(), SPEED, BASELINE_ARM)


def arm(row: Row) -> Arm:
    """Return one arm of the run."""
    if row.status == "bad variant":
        return Arm(name=row.name, status=row.status, reason=row.reason)
    known = Arm(
        name=row.name,
        status=row.status,
        reason=row.reason,
        variant=_variant(row),
        source=_source(row.source) if row.source else None,
    )
    if row.status in {"unsupported", "build failed"}:
        return known
    prebuilt = row.kind == "prebuilt"
    ready = row.status == "ready"
    return msgspec.structs.replace(
        known,
        build=None if prebuilt else _build(row),
        build_cached=row.name in {"avx2", "avx512"} or bool(row.build),
        inspections=(_inspection(row.isa),),
        expectations=(_expectation(row.isa),),
        equivalence=_equivalence(row),
        prebuilt=Prebuilt(
            path="/home/someone/bin/llama-bench",
            kind="llama-bench",
            missing=("avx2", "fma", "f16c"),
        )
        if prebuilt
        else None,
        allocation=allocation(row),
        executions=executions(row) if ready else (),
    )


def _variant(row: Row) -> Variant:
    return Variant(
        name=row.name,
        description=DESCRIPTIONS[row.kind],
        kind=row.kind,
        parts=row.parts,
        source=row.source or "pypi:llama-cpp-python==0.3.36",
        toolchain=Toolchain(c=row.compiler, cxx=row.compiler),
        cmake={"GGML_NATIVE": "ON"} | row.cmake,
        optimize=row.optimize,
        allocator=row.allocator,
        runtime=Runtime(environment=row.environment, bench=row.bench),
    )


def _source(spec: str) -> Source:
    version = spec.partition("==")[2]
    return Source(
        spec=spec,
        version=version,
        digest=digest(spec),
        archive_sha256=digest(f"{spec} archive"),
        tree="/home/someone/.cache/llamabuild/sources/other",
    )


def _build(row: Row) -> Build:
    """Return the build of a row; the clean one of ``generic`` paid for everything shared."""
    name = row.build or row.name
    made = small_build(name)
    owner = next(other for other in ROWS if other.name == name)
    tree = bool(owner.source)
    whole = name == "generic" or tree
    stages = [
        Stage(name="configure", seconds=8.2, cpu_seconds=7.9),
        Stage(
            name="compile", seconds=205.2 if whole else 27.5, cpu_seconds=394.0 if whole else 50.0
        ),
    ]
    if row.optimize.bolt:
        stages.append(Stage(name="bolt", seconds=12.4, cpu_seconds=19.8))
    minute = ROWS.index(owner)
    return msgspec.structs.replace(
        made,
        plan=msgspec.structs.replace(
            made.plan,
            compilers=(Tool(name=row.compiler or "gcc", path="", version="19.1.7", sha256=""),),
        ),
        seconds=sum(stage.seconds for stage in stages),
        cpu_seconds=sum(stage.cpu_seconds for stage in stages),
        cache_hits=0 if whole else 118,
        created=f"2026-11-22T17:{minute:02}:11Z",
        stages=tuple(stages),
        profiles=profiles(row),
    )


def _inspection(isa: str) -> Inspection:
    found = inspection(isa)

    def renamed(function: FunctionIsa) -> FunctionIsa:
        name = function.name
        for old, new in Q4_K.items():
            name = name.replace(old, new)
        return msgspec.structs.replace(function, name=name)

    return msgspec.structs.replace(found, functions=tuple(map(renamed, found.functions)))


def _expectation(isa: str) -> ExpectationResult:
    newest = list(inspection(isa).groups)[-1]
    return ExpectationResult(
        expectation=Expectation(binary="libggml-cpu*", require=(newest,)),
        passed=True,
        missing=(),
        present={},
        reason="",
    )


def _equivalence(row: Row) -> Equivalence:
    if row.name == BASELINE_ARM:
        return Equivalence(verdict="baseline")
    wrong = row.status == "wrong output"
    return Equivalence(
        verdict="different" if wrong else "same",
        mean_kl_divergence=0.081 if wrong else 2.1e-6 * len(row.name),
        max_kl_divergence=3.2 if wrong else 4.0e-4,
        top_token_agreement=0.871 if wrong else 0.998,
        tokens=512,
        reason=row.reason if wrong else "",
    )
