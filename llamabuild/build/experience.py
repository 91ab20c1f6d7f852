"""How long builds took here: the store's own figures, for the estimate of the next one."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from llamabuild.store.builds import published_builds
from llamabuild.types.base import Data

from .switches import switches

if TYPE_CHECKING:
    from llamabuild.types.build import Build, Plan

EVERYTHING, LIBRARIES, KERNELS, NOTHING = "everything", "libraries", "kernels", "nothing"
PROGRAM = "a program"
LIBRARY_ARGUMENT = "-DLLAMABUILD_LIBRARY_"
FEW_HITS = 0.1
"""Share of compilations that the cache may answer in a build that counts as a full one."""
MOST_BUILDS = 5
"""The newest comparable builds; older ones ran on another compiler cache or a busier machine."""


class Duration(Data, frozen=True, kw_only=True):
    """An expected wall time and where it comes from."""

    seconds: float
    basis: str
    """``median of N builds here``, or ``table`` where the store holds none to compare with."""


class Experience:
    """The builds of the store by what they compiled, source, compilers and number of jobs."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[object, ...], list[float]] = {}
        builds = [build for _, build in published_builds() if build is not None]
        for build in sorted(builds, key=lambda build: build.created, reverse=True):
            key = _key(compiled_kind(build), build.plan)
            self._seconds.setdefault(key, []).append(build.seconds)
        self._libraries = {_libraries(build.plan) for build in builds}

    def knows_libraries(self, plan: Plan) -> bool:
        """Tell whether the same source was built by the same compilers with the same flags.

        Flags of the kernels alone may differ.
        """
        return _libraries(plan) in self._libraries

    def duration(self, compiles: str, plan: Plan, *, jobs: int) -> Duration:
        """Return what a build that compiles so much will take, by builds like it or the table."""
        known = self._seconds.get(_key(compiles, plan), [])[:MOST_BUILDS]
        if known:
            builds = "build" if len(known) == 1 else "builds"
            return Duration(seconds=median(known), basis=f"median of {len(known)} {builds} here")
        table = switches().estimate
        cpu_seconds = {
            EVERYTHING: table.everything_cpu_seconds,
            LIBRARIES: table.libraries_cpu_seconds,
            KERNELS: table.kernels_cpu_seconds,
            PROGRAM: table.program_cpu_seconds,
            NOTHING: 0.0,
        }[compiles]
        return Duration(seconds=cpu_seconds / jobs, basis="table")


def compiled_kind(build: Build) -> str:
    """Return how much was compiled, the rest being cached.

    ``everything``, ``libraries`` (ggml and the decode part of libllama), ``kernels`` (libggml-cpu),
    ``a program`` besides those of every build, or ``nothing``.
    """
    if build.cache_hits < 0 or build.cache_hits <= FEW_HITS * build.compiled:
        return EVERYTHING
    if build.cache_hits == build.compiled:
        return NOTHING
    if further_programs(build.plan):
        return PROGRAM
    return LIBRARIES if library_arguments(build.plan) else KERNELS


def further_programs(plan: Plan) -> frozenset[str]:
    """Return the programs of a plan that other builds don't have."""
    return frozenset(plan.outputs) - frozenset(switches().targets)


def library_arguments(plan: Plan) -> tuple[str, ...]:
    """Return what a plan adds to ggml and libllama."""
    return tuple(a for s in plan.steps for a in s.argv if a.startswith(LIBRARY_ARGUMENT))


def _key(compiles: str, plan: Plan) -> tuple[object, ...]:
    compile_steps = [step.argv for step in plan.steps if step.name == "compile"]
    jobs = [argv[argv.index("-j") + 1] for argv in compile_steps if "-j" in argv]
    return compiles, *_tree(plan), *jobs


def _libraries(plan: Plan) -> tuple[str, ...]:
    return *_tree(plan), *library_arguments(plan)


def _tree(plan: Plan) -> tuple[str, ...]:
    return plan.source_digest, *(tool.sha256 for tool in plan.compilers)
