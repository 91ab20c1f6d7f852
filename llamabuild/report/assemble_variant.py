"""The part of the document that belongs to one variant."""

from __future__ import annotations

import statistics
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import isa
from llamabuild.report.document import (
    FAILED,
    NO_EXPECTATIONS,
    NOT_INSPECTED,
    PASSED,
    BuildInfo,
    EquivalenceInfo,
    ExpectationInfo,
    InspectionInfo,
    ModelInfo,
    Settings,
    SourceInfo,
    ToolVersion,
    VariantResult,
    WorkloadResult,
)
from llamabuild.report.execution import execution_info, facts, matches
from llamabuild.report.numbers import finite
from llamabuild.report.portable import clean, clean_value
from llamabuild.types.comparison import BASELINE, NOT_MEASURED
from llamabuild.types.run import model_of
from llamabuild.types.variant import Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.types.build import Build, Profile
    from llamabuild.types.comparison import ComparisonSet
    from llamabuild.types.inputs import Model, Source
    from llamabuild.types.inspection import Inspection
    from llamabuild.types.machine import Tool
    from llamabuild.types.proof import Allocation, Prebuilt
    from llamabuild.types.run import Arm, Equivalence, Quality, Run, Trial, Workload
    from llamabuild.types.variant import Variant


def variant_result(
    run: Run, arm: Arm, trials: Sequence[Trial], comparisons: ComparisonSet
) -> VariantResult:
    """Return what the run says about one arm; every arm gets one, also those that failed."""
    return VariantResult(
        name=clean(arm.name),
        description=clean(arm.variant.description) if arm.variant else "",
        kind=clean(arm.variant.kind) if arm.variant else "",
        parts=tuple(clean(part) for part in arm.variant.parts) if arm.variant else (),
        copy_of="",
        status=arm.status,
        reason=clean(arm.reason),
        source=source_info(arm.source) if arm.source else None,
        prebuilt=_prebuilt(arm.prebuilt) if arm.prebuilt else None,
        model=model_info(arm.model) if arm.model else None,
        quality=_quality(arm.quality) if arm.quality else None,
        settings=_settings(arm.variant) if arm.variant else None,
        build=_build(arm.build, cached=arm.build_cached) if arm.build else None,
        inspection=_inspection(arm, model_of(run, arm).quantization),
        equivalence=_equivalence(arm.equivalence),
        allocation=_allocation(arm.allocation) if arm.allocation else None,
        executions=tuple(execution_info(execution) for execution in arm.executions),
        dispatch=None,
        workloads=tuple(
            _workload(run, arm, workload, trials, comparisons) for workload in run.workloads
        ),
    )


def source_info(source: Source) -> SourceInfo:
    """Return a source without its place on this machine."""
    return SourceInfo(
        spec=clean(source.spec),
        version=source.version,
        ggml_version=source.ggml_version,
        digest=source.digest,
        archive_sha256=source.archive_sha256,
    )


def model_info(model: Model) -> ModelInfo:
    """Return a model without its place on this machine."""
    return ModelInfo(
        spec=clean(model.spec),
        name=clean(model.name),
        architecture=clean(model.architecture),
        quantization=clean(model.quantization),
        parameters=model.parameters,
        layers=model.layers,
        embedding_length=model.embedding_length,
        bytes=model.size_bytes,
        sha256=model.sha256,
        synthetic=model.synthetic,
        bits_per_weight=model.bits_per_weight,
        tensor_bytes=model.tensor_bytes,
    )


def tool_versions(tools: Iterable[Tool]) -> tuple[ToolVersion, ...]:
    """Return tools without their places on this machine."""
    return tuple(
        ToolVersion(name=tool.name, version=clean(tool.version), sha256=tool.sha256)
        for tool in tools
    )


def _settings(variant: Variant) -> Settings:
    def cleaned(arguments: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean(argument) for argument in arguments)

    return Settings(
        toolchain=Toolchain(c=clean(variant.toolchain.c), cxx=clean(variant.toolchain.cxx)),
        optimize=variant.optimize,
        allocator=variant.allocator,
        cmake=clean_value(variant.cmake),
        c_flags=cleaned(variant.flags.c),
        cxx_flags=cleaned(variant.flags.cxx),
        link_flags=cleaned(variant.flags.link),
        environment=clean_value(variant.runtime.environment),
        bench_arguments=cleaned(variant.runtime.bench),
        launcher=cleaned(variant.runtime.launcher),
        program=variant.runtime.program,
        mode=variant.runtime.mode,
        quantization=variant.runtime.quantization,
        threads=variant.runtime.threads,
    )


def _build(build: Build, *, cached: bool) -> BuildInfo:
    return BuildInfo(
        id=build.id,
        seconds=build.seconds,
        cpu_seconds=build.cpu_seconds,
        cached=cached,
        bytes=build.size_bytes,
        compiled=build.compiled,
        cache_hits=build.cache_hits,
        created=build.created,
        native_resolution=clean(build.plan.native_resolution),
        compilers=tool_versions(build.plan.compilers),
        commands=tuple(
            tuple(clean(argument) for argument in command) for command in build.plan.by_hand
        ),
        stages=build.stages,
        profiles=tuple(_profile(profile) for profile in build.profiles),
    )


def _profile(profile: Profile) -> Profile:
    return msgspec.structs.replace(
        profile,
        training=tuple(clean(command) for command in profile.training),
        model=clean(profile.model),
    )


def _prebuilt(prebuilt: Prebuilt) -> Prebuilt:
    # A path of the machine keeps its last part alone, also when it is relative.
    return msgspec.structs.replace(prebuilt, path=f"…/{clean(PurePath(prebuilt.path).name)}")


def _allocation(allocation: Allocation) -> Allocation:
    return msgspec.structs.replace(
        allocation, library=clean(allocation.library), reason=clean(allocation.reason)
    )


def _inspection(arm: Arm, quantization: str) -> InspectionInfo:
    groups = _counts(arm.inspections)
    if not arm.inspections:
        verdict = NOT_INSPECTED
    elif not arm.expectations:
        verdict = NO_EXPECTATIONS
    else:
        verdict = PASSED if all(result.passed for result in arm.expectations) else FAILED
    used = _in_use(arm)
    kernels = isa.kernels_of(used, quantization)
    return InspectionInfo(
        highest=isa.highest(_counts(used)),
        groups={group: groups[group] for group in isa.in_order(groups)},
        verdict=verdict,
        instructions=sum(inspection.instructions for inspection in arm.inspections),
        vector=sum(inspection.vector for inspection in arm.inspections),
        files=tuple(clean(inspection.file) for inspection in arm.inspections),
        kernels=isa.totals(kernels),
        functions=isa.top(kernels),
        expectations=tuple(
            ExpectationInfo(
                binary=result.expectation.binary,
                function=result.expectation.function,
                require=result.expectation.require,
                forbid=result.expectation.forbid,
                passed=result.passed,
                reason=clean(result.reason),
            )
            for result in arm.expectations
        ),
    )


def _counts(inspections: Iterable[Inspection]) -> dict[str, int]:
    groups: dict[str, int] = {}
    for inspection in inspections:
        for group, number in inspection.groups.items():
            groups[group] = groups.get(group, 0) + number
    return groups


def _in_use(arm: Arm) -> tuple[Inspection, ...]:
    """Return what can have run: of several CPU backends only those that were seen to."""
    patterns = facts()["dispatch"]["libraries"]
    backends = [i for i in arm.inspections if matches(PurePath(i.file).name, patterns)]
    ran = {name for execution in arm.executions for name in execution.libraries}
    idle = [inspection for inspection in backends if PurePath(inspection.file).name not in ran]
    if len(idle) == len(backends):
        return arm.inspections
    return tuple(inspection for inspection in arm.inspections if inspection not in idle)


def _equivalence(equivalence: Equivalence) -> EquivalenceInfo:
    return EquivalenceInfo(
        verdict=equivalence.verdict,
        mean_kl_divergence=finite(equivalence.mean_kl_divergence),
        max_kl_divergence=finite(equivalence.max_kl_divergence),
        top_token_agreement=finite(equivalence.top_token_agreement),
        tokens=equivalence.tokens,
        reason=clean(equivalence.reason),
    )


def _quality(quality: Quality) -> Quality:
    return msgspec.structs.replace(quality, reason=clean(quality.reason))


def _workload(
    run: Run,
    arm: Arm,
    workload: Workload,
    trials: Sequence[Trial],
    comparisons: ComparisonSet,
) -> WorkloadResult:
    own = [trial for trial in trials if (trial.arm, trial.workload) == (arm.name, workload.name)]
    states = [trial.state for trial in own if trial.status == "ok" and trial.state is not None]
    result = WorkloadResult(
        name=workload.name,
        unit=workload.unit,
        median=None,
        mad=None,
        ratio=None,
        low=None,
        high=None,
        level=None,
        p_value=None,
        verdict=BASELINE if arm.name == run.baseline and arm.status == "ready" else NOT_MEASURED,
        detectable=None,
        trials=0,
        failed=sum(trial.status != "ok" for trial in own),
        minor_faults=_median([state.minor_faults for state in states]),
        peak_rss_bytes=_median([state.peak_rss_bytes for state in states]),
    )
    for comparison in comparisons.comparisons:
        if (comparison.arm, comparison.workload) == (arm.name, workload.name):
            return msgspec.structs.replace(
                result,
                unit=comparison.unit,
                median=finite(comparison.median),
                mad=finite(comparison.mad),
                ratio=finite(comparison.ratio),
                low=finite(comparison.low),
                high=finite(comparison.high),
                level=finite(comparison.level),
                p_value=finite(comparison.p_value),
                verdict=comparison.verdict,
                detectable=finite(comparison.detectable),
                trials=comparison.trials,
            )
    return result


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(statistics.median(known)) if known else None
