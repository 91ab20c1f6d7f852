"""Make the profiles that a variant's build needs: instrument, train, merge, publish."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BuildFailed, EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.store.builds import LOG, files_folder
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, state_dir
from llamabuild.store.profiles import (
    DATA,
    data_bytes,
    data_digest,
    load_profile,
    profile_folder,
    publish_profile,
)
from llamabuild.store.usage import mark_used
from llamabuild.types.build import Profile

from .bolt import bolt_program, input_plan, instrument, read_fdata
from .execute import check_space, execute_plan, run_steps
from .library_flags import compiler_family
from .pgo import collect_profile, counters_environment
from .plan import compiled_plan, instrumented_plan, make_plan
from .profile_keys import profile_key
from .training import train, training_arguments, training_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llamabuild.types.build import Plan, Stage
    from llamabuild.types.inputs import Model, Source
    from llamabuild.types.variant import Variant

    from .pgo import Trained


class _Making(NamedTuple):
    """What every profile of one call has in common."""

    variant: Variant
    source: Source
    model: Model
    jobs: int
    compiler_cache: bool
    on_step: Callable[[int, int], None] | None
    on_wait: Callable[[], None] | None


def ensure_profiles(
    variant: Variant,
    source: Source,
    model: Model,
    *,
    jobs: int,
    compiler_cache: bool,
    on_step: Callable[[int, int], None] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Plan:
    """Make the profiles that are missing; return the variant's final plan.

    Args:
        variant: What is to be built.
        source: From what.
        model: What is trained on.
        jobs: Compilers at once.
        compiler_cache: Let ccache answer for what is not instrumented.
        on_step: Called with finished and total compile steps as they change.
        on_wait: Called once if another process is making one of them.

    Raises:
        BuildFailed: The instrumented build, the training run or the merging failed, or nothing
            was trained; the log is kept.
        BadInput: What the variant asks for does not exist for its compiler or tree.
        EnvironmentLacks: A tool or disk space is missing.
    """
    making = _Making(variant, source, model, jobs, compiler_cache, on_step, on_wait)
    plan = _plan(making)
    if plan.needs_profiles and variant.optimize.pgo:
        _ensure_compiler_profile(making)
    if plan.needs_profiles and variant.optimize.bolt:
        _ensure_bolt_profile(making)
    plan = _plan(making)
    if plan.needs_profiles:
        message = f"{variant.name}: its profile was removed while it was being used"
        raise BuildFailed(message, "try again: it is made anew")
    for profile in plan.profiles:
        mark_used(profile_folder(profile.key))
    return plan


def _plan(making: _Making) -> Plan:
    return make_plan(
        making.variant,
        making.source,
        jobs=making.jobs,
        compiler_cache=making.compiler_cache,
        model_sha256=making.model.sha256,
    )


def _ensure_compiler_profile(making: _Making) -> None:
    plan, program = instrumented_plan(
        making.variant, making.source, jobs=making.jobs, compiler_cache=making.compiler_cache
    )
    key = profile_key(program, making.model.sha256)
    compiler = find_tool(making.variant.toolchain.cxx or "c++", hash_content=True)
    family = compiler_family(compiler)
    with named_lock(f"profile-{key}", making.on_wait):
        if _there(key, making.model):
            return
        with _workplace(making, key) as (build_dir, staged):
            log_file = staged / LOG
            tree = Path(making.source.tree)
            stages = run_steps(plan, making.variant, tree, build_dir, log_file, making.on_step)
            environment = counters_environment(family, build_dir)
            with log_file.open("ab") as log:
                trained = train(
                    making.variant.name,
                    build_dir / "bin",
                    training_arguments(tree),
                    making.model,
                    log,
                    environment,
                )
            counted, merged = collect_profile(family, compiler, build_dir, staged / DATA)
            _publish(making, key, family, staged, counted, (*stages, trained, merged))


def _ensure_bolt_profile(making: _Making) -> None:
    """Train BOLT's input, a build of its own in the store: the very bytes that are rewritten."""
    compiled = compiled_plan(
        making.variant,
        making.source,
        jobs=making.jobs,
        compiler_cache=making.compiler_cache,
        model_sha256=making.model.sha256,
    )
    key = profile_key(bolt_program(compiled), making.model.sha256)
    with named_lock(f"profile-{key}", making.on_wait):
        if _there(key, making.model):
            return
        made, _ = execute_plan(
            input_plan(compiled),
            making.variant,
            Path(making.source.tree),
            on_step=making.on_step,
            on_wait=making.on_wait,
        )
        with _workplace(making, key) as (folder, staged):
            shutil.copytree(files_folder(made.id), folder, symlinks=True)
            data = staged / DATA
            with (staged / LOG).open("ab") as log:
                instrumented = instrument(making.variant.name, folder, data, log)
                arguments = training_arguments(Path(making.source.tree))
                trained = train(making.variant.name, folder, arguments, making.model, log, {})
            counted = read_fdata(data, instrumented)
            _publish(making, key, "bolt", staged, counted, (instrumented.stage, trained))


def _there(key: str, model: Model) -> bool:
    profile = load_profile(key)
    return profile is not None and profile.model_sha256 == model.sha256


@contextmanager
def _workplace(making: _Making, key: str) -> Iterator[tuple[Path, Path]]:
    """Yield a folder for the instrumented program and one that will be published.

    Whatever fails inside leaves its log with those of failed builds, and nothing else.
    """
    check_space()
    # Whoever left something here under this key was killed: we hold its lock.
    for left_over in cache_dir("work").glob(f"profile-{key}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(prefix=f"profile-{key}-", dir=cache_dir("work")))
    staged = workplace / "staged"
    (staged / DATA).mkdir(parents=True)
    try:
        yield workplace / "build", staged
    except BuildFailed as error:
        if error.remedy:  # a step's own failure has named the log already
            raise
        kept = state_dir("logs") / f"{making.variant.name}-profile-{key}.log"
        shutil.copyfile(staged / LOG, kept)
        message = error.message
        if not message.startswith(f"{making.variant.name}: "):
            message = f"{making.variant.name}: {message}"
        raise BuildFailed(message, f"the whole log is in {kept}") from error
    except OSError as error:
        message = f"{making.variant.name}: cannot write the profile ({error.strerror})"
        raise EnvironmentLacks(message, "free some space: 'llamabuild cache gc'") from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _publish(  # noqa: PLR0917 - all that a profile is
    making: _Making,
    key: str,
    kind: str,
    staged: Path,
    counted: Trained,
    stages: tuple[Stage, ...],
) -> None:
    model = making.model
    profile = Profile(
        key=key,
        kind=kind,
        sha256=data_digest(staged / DATA),
        functions=counted.functions,
        trained=counted.trained,
        training=(training_command(Path(making.source.tree)),),
        model=f"{model.name} {model.quantization}",
        model_sha256=model.sha256,
        size_bytes=data_bytes(staged / DATA),
        stages=stages,
    )
    publish_profile(profile, staged)
