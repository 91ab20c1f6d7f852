"""In which order builds are made, and how long each will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.store.builds import load_build
from llamabuild.types.base import Data
from llamabuild.types.build import Plan

from .experience import EVERYTHING, KERNELS, NOTHING, Duration, Experience
from .plan import cmake_variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.variant import Variant

# ggml puts these on its kernels alone (the target ggml-cpu); everything else stays cached.
KERNEL_VARIABLES = (
    *("GGML_NATIVE", "GGML_SSE42", "GGML_AVX", "GGML_AVX2", "GGML_BMI2", "GGML_FMA", "GGML_F16C"),
    *("GGML_AVX_VNNI", "GGML_AVX512", "GGML_AVX512_VBMI", "GGML_AVX512_VNNI", "GGML_AVX512_BF16"),
    *("GGML_AMX_TILE", "GGML_AMX_INT8", "GGML_AMX_BF16", "GGML_CPU_ARM_ARCH", "GGML_LLAMAFILE"),
    *("GGML_CPU_REPACK", "GGML_CPU_KLEIDIAI"),
)


class BuildEstimate(Data, frozen=True, kw_only=True):
    """A plan with what it will cost."""

    plan: Plan
    seconds: float
    """Expected wall time; 0 when the build is in the store, or an earlier plan makes it."""
    compiles: str
    """``nothing``, ``kernels`` (one library) or ``everything``."""
    basis: str
    """Where ``seconds`` comes from: builds made here, or a table."""


def ordered_plans(
    planned: Sequence[tuple[Variant, Plan]], *, jobs: int, compiler_cache: bool
) -> tuple[BuildEstimate, ...]:
    """Return plans in building order: those that share all but the kernels stand together.

    Times come from the store's builds of the same source by the same compilers, else from a
    table of CPU seconds divided by the number of jobs; the estimate is rough.
    """
    groups: dict[str, list[tuple[Variant, Plan]]] = {}
    for variant, plan in planned:
        groups.setdefault(_shared_part(variant, plan), []).append((variant, plan))
    experience = Experience()
    estimates = []
    first: dict[str, str] = {}
    for group in groups.values():
        warm = any(load_build(plan.build_id) is not None for _, plan in group)
        for _, plan in group:
            if load_build(plan.build_id) is not None:
                compiles, expected = NOTHING, Duration(seconds=0.0, basis="in the store")
            elif plan.build_id in first:
                basis = f"the build of {first[plan.build_id]}"
                compiles, expected = NOTHING, Duration(seconds=0.0, basis=basis)
            else:
                compiles = KERNELS if warm and compiler_cache else EVERYTHING
                expected = experience.duration(compiles, plan, jobs=jobs)
            warm = True
            first.setdefault(plan.build_id, plan.variant)
            estimates.append(
                BuildEstimate(
                    plan=plan, seconds=expected.seconds, compiles=compiles, basis=expected.basis
                )
            )
    return tuple(estimates)


def _shared_part(variant: Variant, plan: Plan) -> str:
    """What two builds must have in common for the compiler cache to answer most of the second."""
    variables = {n: v for n, v in cmake_variables(variant).items() if n not in KERNEL_VARIABLES}
    compilers = [tool.sha256 for tool in plan.compilers]
    return repr((plan.source_digest, sorted(variables.items()), compilers))
