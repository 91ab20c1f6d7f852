"""In which order builds are made, and how long each will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.store.builds import load_build
from llamabuild.types.base import Data
from llamabuild.types.build import Plan
from llamabuild.types.variant import INSTRUCTION_SETS

from .experience import (
    EVERYTHING,
    KERNELS,
    LIBRARIES,
    NOTHING,
    PROGRAM,
    Duration,
    Experience,
    further_programs,
    library_arguments,
)
from .plan import cmake_variables
from .switches import switches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.variant import Variant

# ggml puts these on its kernels alone (the target ggml-cpu); everything else stays cached.
KERNEL_VARIABLES = {*INSTRUCTION_SETS, "GGML_LLAMAFILE", "GGML_CPU_REPACK", "GGML_CPU_KLEIDIAI"}


class BuildEstimate(Data, frozen=True, kw_only=True):
    """A plan with what it will cost."""

    plan: Plan
    seconds: float
    """Expected wall time; 0 when the build is in the store."""
    compiles: str
    """``nothing``, ``kernels`` (one library), ``libraries`` (ggml, libllama), ``a program`` or
    ``everything``."""
    basis: str
    """Where ``seconds`` comes from: builds made here, or a table."""


def ordered_plans(
    planned: Sequence[tuple[Variant, Plan]], *, jobs: int, compiler_cache: bool
) -> tuple[BuildEstimate, ...]:
    """Return plans in building order: those that share all but the kernels stand together.

    Times come from the store's builds of the same source by the same compilers, else from a
    table of CPU seconds divided by the number of jobs; the estimate is rough.
    """
    groups: dict[str, list[Plan]] = {}
    for variant, plan in planned:
        groups.setdefault(_shared_part(variant, plan), []).append(plan)
    experience = Experience()
    estimates = []
    for group in groups.values():
        there = {plan.build_id: plan for plan in group if load_build(plan.build_id) is not None}
        warm = {library_arguments(plan) for plan in there.values()}
        for plan in group:
            expected = Duration(seconds=0.0, basis="in the store")
            compiles = NOTHING
            if (same := there.get(plan.build_id)) is not None and same is not plan:
                expected = Duration(seconds=0.0, basis=f"the build of {same.variant}")
            elif same is None:
                if compiler_cache and further_programs(plan) and experience.knows_libraries(plan):
                    compiles = PROGRAM
                elif not warm or not compiler_cache:
                    compiles = EVERYTHING
                else:
                    compiles = KERNELS if library_arguments(plan) in warm else LIBRARIES
                expected = _with_profiles(
                    experience.duration(compiles, plan, jobs=jobs), plan, jobs
                )
                there[plan.build_id] = plan
            warm.add(library_arguments(plan))
            estimates.append(
                BuildEstimate(
                    plan=plan, seconds=expected.seconds, compiles=compiles, basis=expected.basis
                )
            )
    return tuple(estimates)


def _with_profiles(expected: Duration, plan: Plan, jobs: int) -> Duration:
    """Add what making the missing profiles takes: an instrumented build for each compiler's."""
    if not plan.needs_profiles:
        return expected
    table = switches().estimate
    # A plan that goes on from another build does so with BOLT, which compiles nothing of its own.
    compilers = len(plan.needs_profiles) - (1 if plan.input else 0)
    cpu_seconds = compilers * table.instrumented_cpu_seconds
    cpu_seconds += table.bolt_cpu_seconds if plan.input else 0
    basis = f"{expected.basis} + table" if expected.basis != "table" else expected.basis
    return Duration(seconds=expected.seconds + cpu_seconds / jobs, basis=basis)


def _shared_part(variant: Variant, plan: Plan) -> str:
    """What two builds must have in common for the compiler cache to answer most of the second."""
    variables = {n: v for n, v in cmake_variables(variant).items() if n not in KERNEL_VARIABLES}
    compilers = [tool.sha256 for tool in plan.compilers]
    return repr((plan.source_digest, sorted(variables.items()), compilers))
