"""Run a plan: configure, compile, check, publish. Nothing half-made is ever published."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.machine.allocators import allocator_link
from llamabuild.machine.tools import find_tool
from llamabuild.process import run
from llamabuild.store.builds import (
    LOG,
    build_folder,
    collect,
    files_folder,
    load_build,
    publish,
)
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, state_dir
from llamabuild.store.profiles import load_profile, profile_folder
from llamabuild.store.usage import mark_used
from llamabuild.types.build import Build, Stage

from .bolt import bolt_tool, unused_profile
from .cmake_variables import unused_variables
from .diagnosis import compiler_complaint, missing_part
from .switches import HARNESS, switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.process import Finished
    from llamabuild.types.build import Plan, Step
    from llamabuild.types.variant import Variant

NEEDED_BYTES = 1 << 30
NINJA_STEP = re.compile(r"\[(\d+)/(\d+)\]")
CACHE_HITS = ("direct_cache_hit", "preprocessed_cache_hit")


def execute_plan(
    plan: Plan,
    variant: Variant,
    tree: Path,
    *,
    on_step: Callable[[int, int], None] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> tuple[Build, bool]:
    """Return the plan's build and whether it was in the store already.

    Args:
        plan: What to do.
        variant: Whose CMake variables must all mean something to the tree.
        tree: The source tree.
        on_step: Called with finished and total compile steps as they change.
        on_wait: Called once if another process is making this very build.

    Raises:
        BuildFailed: A step failed; the message has the decisive line and the log's place.
        BadInput: The variant sets a CMake variable that this tree does not know.
        EnvironmentLacks: Not enough disk space.
    """
    with named_lock(f"build-{plan.build_id}", on_wait):
        if (build := load_build(plan.build_id, full=True)) is not None:
            mark_used(build_folder(plan.build_id))
            for profile in plan.profiles:  # without them the id would be another one
                mark_used(profile_folder(profile.key))
            return build, True
        check_space()
        # Whoever left something here under this id was killed: we hold its lock.
        for left_over in cache_dir("work").glob(f"{plan.build_id}-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        workplace = Path(tempfile.mkdtemp(prefix=f"{plan.build_id}-", dir=cache_dir("work")))
        try:
            return _build(plan, variant, tree, workplace, on_step), False
        except OSError as error:
            message = f"{plan.variant}: cannot write the build ({error.strerror})"
            raise EnvironmentLacks(message, "free some space: 'llamabuild cache gc'") from error
        finally:
            shutil.rmtree(workplace, ignore_errors=True)


def failure_log(plan: Plan) -> Path:
    """Return where the log of a failed build is kept."""
    return state_dir("logs") / f"{plan.variant}-{plan.build_id}.log"


def _build(
    plan: Plan,
    variant: Variant,
    tree: Path,
    workplace: Path,
    on_step: Callable[[int, int], None] | None,
) -> Build:
    build_dir, staged = workplace / "build", workplace / "staged"
    staged.mkdir()
    _check_profiles(plan)
    begun = load_build(plan.input, full=True) if plan.input else None
    steps = plan.steps
    if begun is not None:
        mark_used(build_folder(begun.id))
        shutil.copytree(files_folder(begun.id), build_dir / "bin", symlinks=True)
        steps = steps[len(begun.plan.steps) :]
    rest = msgspec.structs.replace(plan, steps=steps)
    stages = run_steps(rest, variant, tree, build_dir, staged / LOG, on_step)
    if begun is not None:
        stages = (*begun.stages, *stages)
        compiled, hits = begun.compiled, begun.cache_hits
    else:
        compiled, hits = _cache_statistics(build_dir)
    _take_outputs(plan, build_dir / "bin", staged / "files")
    link = allocator_link(variant.allocator)
    if link is not None and link.carried:
        shutil.copy(link.library, staged / "files")
    files = collect(staged / "files")
    build = Build(
        id=plan.build_id,
        plan=plan,
        files=files,
        seconds=sum(stage.seconds for stage in stages),
        cpu_seconds=sum(stage.cpu_seconds for stage in stages),
        size_bytes=sum(file.size_bytes for file in files),
        compiled=compiled,
        cache_hits=hits,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        stages=stages,
        profiles=plan.profiles,
    )
    publish(build, staged)
    return build


def _check_profiles(plan: Plan) -> None:
    """Make sure that what goes in is what the plan's id says.

    Raises:
        BuildFailed: A profile is not made yet, gone, or not what it was.
    """
    if plan.needs_profiles:
        message = f"{plan.variant}: its profile is not made yet"
        raise BuildFailed(message, "it is trained on a model, as part of 'build' and 'variants'")
    for profile in plan.profiles:
        now = load_profile(profile.key)
        if now is None or now.sha256 != profile.sha256:
            message = f"{plan.variant}: the profile {profile.key} is gone, damaged or another one"
            raise BuildFailed(message, "try again: it is made anew")


def run_steps(  # noqa: PLR0917 - all of one build, in its order
    plan: Plan,
    variant: Variant,
    tree: Path,
    build_dir: Path,
    log_file: Path,
    on_step: Callable[[int, int], None] | None,
) -> tuple[Stage, ...]:
    """Run the steps of a plan in a folder; return what each took.

    Raises:
        BuildFailed: A step failed; its log is kept.
        BadInput: The variant sets a CMake variable that this tree does not know.
        EnvironmentLacks: Something that the variant asks for was not found by CMake.
    """
    stages: list[Stage] = []

    def report(line: str) -> None:
        if on_step is not None and (match := NINJA_STEP.match(line)):
            on_step(int(match[1]), int(match[2]))

    with log_file.open("ab") as log:
        for step in plan.steps:
            finished = _run_step(step, variant, tree, build_dir, log, report)
            if not finished.ok:
                raise _failure(plan, step, finished, log_file)
            if step.name == "configure":
                if complaint := unused_variables(finished, variant, build_dir, tree):
                    raise BadInput(*complaint)
                if lack := missing_part(finished, variant):
                    raise EnvironmentLacks(*lack)
            if reason := unused_profile(finished.argv, finished.stdout + finished.stderr):
                raise _failure(plan, step, finished, log_file, reason)
            _count(stages, step, finished)
    return tuple(stages)


def _count(stages: list[Stage], step: Step, finished: Finished) -> None:
    """Add what a step took; steps of one name in a row are one stage."""
    seconds = finished.wall_seconds
    cpu_seconds = finished.usage.ru_utime + finished.usage.ru_stime
    if stages and stages[-1].name == step.name:
        before = stages.pop()
        seconds, cpu_seconds = seconds + before.seconds, cpu_seconds + before.cpu_seconds
    stages.append(Stage(name=step.name, seconds=seconds, cpu_seconds=cpu_seconds))


def _run_step(  # noqa: PLR0917 - all of one call, in its order
    step: Step,
    variant: Variant,
    tree: Path,
    build_dir: Path,
    log: IO[bytes],
    report: Callable[[str], None],
) -> Finished:
    places = {
        "{source}": str(tree),
        "{build}": str(build_dir),
        "{cache}": str(cache_dir()),
        "{harness}": str(HARNESS),
        "{layouts}": str(HARNESS.parent),
    }
    tools = {f"{{{name}}}": name for name in ("cmake", "ninja", "ccache")}
    tools |= {"{cc}": variant.toolchain.c or "cc", "{cxx}": variant.toolchain.cxx or "c++"}
    if (link := allocator_link(variant.allocator)) is not None:
        places["{allocator}"] = str(link.library)
    if any("{bolt}" in argument for argument in step.argv):
        places["{bolt}"] = bolt_tool().path
    places |= {p: find_tool(t).path for p, t in tools.items() if any(p in a for a in step.argv)}

    def filled(text: str) -> str:
        for placeholder, path in places.items():
            text = text.replace(placeholder, path)
        return text

    argv = [filled(argument) for argument in step.argv]
    log.write(f"$ {' '.join(argv)}\n".encode())
    log.flush()
    environment = {name: filled(value) for name, value in step.environment.items()}
    # A repository above the tree is not the tree's, and its commit not llama.cpp's.
    fixed = {"GIT_CEILING_DIRECTORIES": str(tree.parent), "LC_ALL": "C"}
    return run(argv, environment={**environment, **fixed}, closed=True, on_line=report, log=log)


def _failure(
    plan: Plan, step: Step, finished: Finished, log: Path, reason: str = ""
) -> BuildFailed:
    kept = failure_log(plan)
    shutil.copyfile(log, kept)
    complaint = reason or compiler_complaint(finished) or finished.failure()
    message = f"{plan.variant}: {step.name} failed: {complaint}"
    return BuildFailed(message, f"the whole log is in {kept}")


def _take_outputs(plan: Plan, binaries: Path, files: Path) -> None:
    """Move programs and libraries, links included, out of the build folder."""
    files.mkdir()
    wanted = {binaries / name for name in plan.outputs}
    for pattern in switches().libraries:
        wanted.update(binaries.glob(pattern))
    for path in sorted(wanted):
        if not os.path.lexists(path):
            message = f"{plan.variant}: the build ended well but made no {path.name}"
            raise BuildFailed(message)
        path.rename(files / path.name)


def _cache_statistics(build_dir: Path) -> tuple[int, int]:
    """Count compiler runs and cache answers in ccache's log; -1 answers without a cache.

    What is compiled by a profile doesn't ask the cache; Ninja's log has it all the same.
    """
    log = build_dir / "ccache.log"
    objects = _objects(build_dir / ".ninja_log")
    if not log.exists():
        return objects, -1
    words = log.read_text("utf-8", "replace").split()
    hits = sum(words.count(word) for word in CACHE_HITS)
    return max(hits + words.count("cache_miss"), objects), hits


def _objects(ninja_log: Path) -> int:
    """Count object files in Ninja's log: start, end, time, output and a hash on each line."""
    if not ninja_log.exists():
        return 0
    lines = (line.split("\t") for line in ninja_log.read_text("utf-8", "replace").splitlines())
    return len({fields[3] for fields in lines if fields[3:] and fields[3].endswith(".o")})


def check_space() -> None:
    """Raise :class:`EnvironmentLacks` where a build would fill the disk."""
    free = shutil.disk_usage(build_folder("")).free
    if free < NEEDED_BYTES:
        message = f"a build needs about 1 GB in {cache_dir()}, {free >> 20} MiB are free"
        raise EnvironmentLacks(message, "free some space or set LLAMABUILD_CACHE to another disk")
