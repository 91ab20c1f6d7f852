"""Build every arm that can be built; one that fails does not stop the others."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.build import ensure_profiles, execute_plan, make_plan, ordered_plans
from llamabuild.build.programs import lacking_program
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.process import parent_death_prefix
from llamabuild.store.builds import load_build

from .allocation import runtime_with_allocator
from .choose import AT
from .prebuilt import is_prebuilt_arm
from .sources import Sources, lacking_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.build import BuildEstimate
    from llamabuild.errors import LlamabuildError
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.build import Plan
    from llamabuild.types.inputs import Model, Source
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .observer import Observer


class Maker:
    """Plans and makes the builds of a run, each from its own source.

    Args:
        source: The baseline's.
        jobs: Compilers at a time.
        observer: Told what goes on.
        model: The run's, on which a build may be trained; None when there is no run, or while a
            baseline is built that makes the model.
    """

    def __init__(
        self, source: Source, jobs: int, observer: Observer, *, model: Model | None = None
    ) -> None:
        self.sources = Sources(source, observer)
        self.model = model
        self.no_model: LlamabuildError | None = None
        """Why there is none, if one was looked for."""
        self._jobs = jobs
        self._observer = observer
        self._compiler_cache = shutil.which("ccache") is not None
        self._failures: dict[str, LlamabuildError] = {}
        self._kept: set[str] = set()

    def plan(self, variant: Variant) -> Plan:
        """Return the plan of one variant.

        Raises:
            LlamabuildError: As :meth:`Sources.of` and :func:`make_plan`.
        """
        source = self.sources.of(variant)
        return make_plan(
            variant,
            source,
            jobs=self._jobs,
            compiler_cache=self._compiler_cache,
            model_sha256=self.model.sha256 if self.model else "",
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
            if arm.name in self._kept:
                by_name[arm.name] = msgspec.structs.replace(arm, build_cached=True)
            elif arm.status == "pending" and not is_prebuilt_arm(arm):
                by_name[arm.name] = self.planned(arm)
        variants = [
            arm.variant
            for arm in by_name.values()
            if arm.status == "pending" and arm.variant and not is_prebuilt_arm(arm)
            if arm.name not in self._kept
        ]
        estimates = self.estimates(variants)
        self._observer.planned(estimates)
        to_make = [e for e in estimates if e.seconds > 0]
        missing = {e.plan.build_id for e in to_make}
        for estimate in estimates:
            arm = by_name[estimate.plan.variant]
            interrupts.check()
            if estimate.plan.build_id in missing and not build_missing:
                reason = f"not built; '{self._command(arm)}' builds it"
                by_name[arm.name] = _with(arm, status="not built", reason=reason)
                continue
            if estimate in to_make:
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

    def _command(self, arm: Arm) -> str:
        """Return the command that builds an arm on its own."""
        name = arm.name.partition(AT)[0]
        source = [f"--source={arm.source.spec}"] if name != arm.name and arm.source else []
        wish = arm.variant.optimize if arm.variant else None
        trained = self.model is not None and wish is not None and (wish.pgo or wish.bolt)
        # Another model's training makes another build.
        model = [f"--model={self.model.spec}"] if trained and self.model else []
        return shlex.join(["python", "-m", "llamabuild", "build", name, *source, *model])

    def take_up(self, arm: Arm, run_id: str) -> None:
        """See that a stored arm can go on with its build, which is kept if it can't be planned.

        Raises:
            BadInput: It would be built otherwise now, or its profile is gone and its build too.
        """
        if arm.build is None or arm.variant is None:
            return
        try:
            plan = self.plan(arm.variant)
        except EnvironmentLacks:
            plan = None
        if plan is not None and plan.build_id == arm.build.id:
            return
        if plan is None or plan.needs_profiles:
            if load_build(arm.build.id, full=True) is not None:
                self._kept.add(arm.name)
                return
            if plan is None:
                return  # a row, once it is planned again
            message = f"{arm.name} lacks its profile ({', '.join(plan.needs_profiles)}) and build"
            raise BadInput(message, "begin a new run")
        message = f"{arm.name} would be built otherwise now than when run {run_id} was begun"
        raise BadInput(message, "the compiler or llamabuild has changed: begin a new run")

    def planned(self, arm: Arm) -> Arm:
        """Return the arm with its source, or why it cannot even be planned."""
        assert arm.variant is not None
        try:
            source = self.sources.of(arm.variant)
            if lack := lacking_files(arm.variant, source) or lacking_program(arm.variant, source):
                return _with(arm, status="unsupported", reason=lack)
            self.plan(arm.variant)
            runtime_with_allocator(arm.variant)  # before hours of building, not after
        except (BuildFailed, BadInput, EnvironmentLacks) as error:
            return _failed(arm, error)
        own = None if source.spec == self.sources.baseline.spec else source
        return msgspec.structs.replace(arm, source=own)

    def _make(self, arm: Arm, plan: Plan) -> Arm:
        assert arm.variant is not None
        if failure := self._failures.get(plan.build_id):  # of an arm that differs at run time only
            return _failed(arm, failure)
        try:
            build, cached = execute_plan(
                self._trained(arm.variant, plan) if plan.needs_profiles else plan,
                arm.variant,
                Path(self.sources.of(arm.variant).tree),
                on_step=self._observer.build_step,
                on_wait=lambda: self._observer.note(f"{arm.name}: another process is building it"),
            )
        except (BuildFailed, BadInput, EnvironmentLacks) as error:
            self._failures[plan.build_id] = error
            return _failed(arm, error)
        return msgspec.structs.replace(arm, build=build, build_cached=cached)

    def _trained(self, variant: Variant, plan: Plan) -> Plan:
        """Make the profiles that a plan still needs; return the final plan."""
        if self.no_model is not None:
            message = f"{variant.name}: no model to train it on: {self.no_model.message}"
            raise BuildFailed(message, self.no_model.remedy)
        if self.model is None:
            message = f"{variant.name}: there is no model to train it on"
            raise BuildFailed(message, "a baseline that makes the run's model can't be trained")
        profiles = "its profile" if len(plan.needs_profiles) == 1 else "its profiles"
        self._observer.note(f"{variant.name}: making {profiles} first, on {self.model.name}")
        return ensure_profiles(
            variant,
            self.sources.of(variant),
            self.model,
            jobs=self._jobs,
            compiler_cache=self._compiler_cache,
            on_step=self._observer.build_step,
            on_wait=lambda: self._observer.note(f"{variant.name}: another process makes it"),
        )


def _failed(arm: Arm, error: LlamabuildError) -> Arm:
    """Tell a wrong variant file and what this machine lacks from a build that failed."""
    status = "build failed"
    if isinstance(error, BadInput):
        status = "bad variant"
    elif isinstance(error, EnvironmentLacks):
        status = "unsupported"
    return _with(arm, status=status, reason=str(error))


def _with(arm: Arm, *, status: str, reason: str) -> Arm:
    return msgspec.structs.replace(arm, status=status, reason=reason)
