"""Build every arm that can be built; one that fails does not stop the others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.build import execute_plan, make_plan, ordered_plans
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.process import parent_death_prefix

from .prebuilt import is_prebuilt_arm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.build import BuildEstimate
    from llamabuild.errors import LlamabuildError
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.build import Plan
    from llamabuild.types.inputs import Source
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .observer import Observer


class Maker:
    """Plans and makes the builds of a run from one source."""

    def __init__(self, source: Source, jobs: int, observer: Observer) -> None:
        self._source = source
        self._jobs = jobs
        self._observer = observer
        self._compiler_cache = shutil.which("ccache") is not None

    def plan(self, variant: Variant) -> Plan:
        """Return the plan of one variant."""
        return make_plan(
            variant, self._source, jobs=self._jobs, compiler_cache=self._compiler_cache
        )

    def estimates(self, variants: Sequence[Variant]) -> tuple[BuildEstimate, ...]:
        """Return all plans in building order with their expected times."""
        planned = [(variant, self.plan(variant)) for variant in variants]
        return ordered_plans(planned, jobs=self._jobs, compiler_cache=self._compiler_cache)

    def make_all(
        self, arms: Sequence[Arm], interrupts: Interrupts, *, build_missing: bool
    ) -> tuple[Arm, ...]:
        """Return the arms, those that were ``pending`` with their build or why there is none.

        Raises:
            Interrupted: Someone asked to stop; finished builds are in the store.
        """
        for note in self._lesser_modes():
            self._observer.note(note)
        by_name = {arm.name: arm for arm in arms}
        for arm in arms:
            if arm.status == "pending" and not is_prebuilt_arm(arm):
                by_name[arm.name] = self._planned(arm)
        variants = [
            arm.variant
            for arm in by_name.values()
            if arm.status == "pending" and arm.variant and not is_prebuilt_arm(arm)
        ]
        estimates = self.estimates(variants)
        self._observer.planned(estimates)
        to_make = [e for e in estimates if e.seconds > 0]
        for estimate in estimates:
            arm = by_name[estimate.plan.variant]
            interrupts.check()
            if estimate in to_make:
                if not build_missing:
                    reason = f"not built; 'python -m llamabuild build {arm.name}' builds it"
                    by_name[arm.name] = _with(arm, status="not built", reason=reason)
                    continue
                number = to_make.index(estimate) + 1
                self._observer.build_started(number, len(to_make), estimate)
            by_name[arm.name] = self._make(arm, estimate.plan)
            self._observer.build_finished(by_name[arm.name])
        return tuple(by_name[arm.name] for arm in arms)

    def _lesser_modes(self) -> Iterator[str]:
        """Yield what works less well here for want of a tool that is not required."""
        if not parent_death_prefix():
            lost = "if this program is killed outright, the programs that it started run on"
            yield f"no setpriv with --pdeathsig here: {lost}; 'doctor' says what to install"
        if not self._compiler_cache:
            yield "no ccache here: every variant compiles everything; 'doctor' says what to install"

    def _planned(self, arm: Arm) -> Arm:
        """Return the arm as it is, or why it cannot even be planned."""
        assert arm.variant is not None
        try:
            self.plan(arm.variant)
        except (BadInput, EnvironmentLacks) as error:
            return _failed(arm, error)
        return arm

    def _make(self, arm: Arm, plan: Plan) -> Arm:
        assert arm.variant is not None
        try:
            build, cached = execute_plan(
                plan,
                arm.variant,
                Path(self._source.tree),
                on_step=self._observer.build_step,
                on_wait=lambda: self._observer.note(f"{arm.name}: another process is building it"),
            )
        except (BuildFailed, BadInput, EnvironmentLacks) as error:
            return _failed(arm, error)
        return msgspec.structs.replace(arm, build=build, build_cached=cached)


def _failed(arm: Arm, error: LlamabuildError) -> Arm:
    """Tell a variant file that is wrong, the user's to mend, from a build that failed."""
    status = "bad variant" if isinstance(error, BadInput) else "build failed"
    return _with(arm, status=status, reason=str(error))


def _with(arm: Arm, *, status: str, reason: str) -> Arm:
    return msgspec.structs.replace(arm, status=status, reason=reason)
