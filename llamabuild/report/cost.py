"""What each arm added to the cost of a run: a build, a share in one, or nothing."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.cost_document import Cost, CostRow
from llamabuild.report.portable import clean
from llamabuild.types.variant import Flags, Optimize, Toolchain

if TYPE_CHECKING:
    from llamabuild.types.build import Build, Stage
    from llamabuild.types.run import Arm, Run

STOCK_KINDS = {"simd", ""}
"""Kinds of variants that differ from upstream in instruction sets alone; old runs had no kinds."""


def cost_of(run: Run) -> Cost:
    """Return the marginal costs of a run's builds.

    Each build, each profile and each input of BOLT is counted once: with the first arm that uses
    it.
    """
    owners: dict[str, str] = {}
    profiles: set[str] = set()
    inputs: dict[str, tuple[Stage, ...]] = {}
    rows = tuple(_row(arm, owners, profiles, inputs) for arm in run.arms)
    own = [row for row in rows if row.build and not row.shares and not row.why_none]
    full = _stock(run)
    seconds = sum(row.seconds for row in own)
    return Cost(
        rows=rows,
        builds=len(own),
        seconds=seconds,
        cpu_seconds=sum(row.cpu_seconds for row in own),
        built_now_seconds=sum(row.seconds for row in own if not row.cached),
        full_build=clean(full.name) if full else "",
        full_build_seconds=full.build.seconds if full and full.build else None,
        multiple=seconds / full.build.seconds if full and full.build else None,
    )


def _row(
    arm: Arm,
    owners: dict[str, str],
    profiles: set[str],
    inputs: dict[str, tuple[Stage, ...]],
) -> CostRow:
    build, name = arm.build, clean(arm.name)
    nothing = CostRow(
        variant=name,
        build=build.id if build else "",
        shares="",
        why_none="",
        cached=arm.build_cached,
        compiled=0,
        cache_hits=0,
        seconds=0.0,
        cpu_seconds=0.0,
        stages=(),
    )
    if arm.prebuilt is not None:
        why = "somebody else's build: nothing to build"
        return msgspec.structs.replace(nothing, why_none=why)
    if build is None:
        return msgspec.structs.replace(nothing, why_none=arm.status)
    if build.id in owners:
        return msgspec.structs.replace(nothing, shares=owners[build.id])
    owners[build.id] = name
    training = _profile_stages(build, profiles)
    paid = _paid_stages(build, inputs)
    seconds = build.seconds - sum(stage.seconds for stage in paid)
    cpu_seconds = build.cpu_seconds - sum(stage.cpu_seconds for stage in paid)
    return msgspec.structs.replace(
        nothing,
        compiled=0 if paid else build.compiled,
        cache_hits=0 if paid else build.cache_hits,
        seconds=seconds + sum(stage.seconds for stage in training),
        cpu_seconds=cpu_seconds + sum(stage.cpu_seconds for stage in training),
        stages=(*training, *build.stages[len(paid) :]),
    )


def _paid_stages(build: Build, inputs: dict[str, tuple[Stage, ...]]) -> tuple[Stage, ...]:
    """Return the first stages, those of an input that an earlier build of the run has had too."""
    if not build.plan.input:
        return ()
    known = inputs.setdefault(build.plan.input, build.stages)
    if known is build.stages:
        return ()
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(known, build.stages, strict=False))
    return tuple(stage for _, stage in pairs)


def _profile_stages(build: Build, known: set[str]) -> tuple[Stage, ...]:
    new = [profile for profile in build.profiles if profile.key not in known]
    known.update(profile.key for profile in new)
    return tuple(
        msgspec.structs.replace(stage, name=f"{profile.kind} profile: {stage.name}")
        for profile in new
        for stage in profile.stages
    )


def _stock(run: Run) -> Arm | None:
    """Return the arm whose build is a stock one that was compiled from nothing.

    The baseline's if that is one, else the first that was made.
    """
    full = [arm for arm in run.arms if _is_stock(arm)]
    return min(
        full,
        key=lambda arm: (arm.name != run.baseline, arm.build.created if arm.build else ""),
        default=None,
    )


def _is_stock(arm: Arm) -> bool:
    """Whether a build is upstream's but for its instruction sets, and no cache gave it a file.

    A fork, another compiler or an optimization is no measure of what the run's source costs.
    """
    build, variant = arm.build, arm.variant
    return (
        build is not None
        and variant is not None
        and arm.prebuilt is None
        and arm.source is None
        and variant.kind in STOCK_KINDS
        and variant.toolchain == Toolchain()
        and variant.optimize == Optimize()
        and variant.flags == Flags()
        and build.compiled > 0
        and build.cache_hits <= 0
        and build.seconds > 0
    )
