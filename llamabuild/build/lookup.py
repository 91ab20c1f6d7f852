"""Find the build of a variant: what its plan would make now, if the store has it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.machine.cpu import detect_cpu
from llamabuild.source import resolve_source
from llamabuild.source.pins import load_pins
from llamabuild.store.builds import files_folder, load_build, published_builds
from llamabuild.variants import load_catalogue, promises

from .kernel_files import GGML, KERNEL_LIBRARY, KERNELS_ELSEWHERE, SPLIT_GGML
from .plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.types.build import Build
    from llamabuild.types.variant import Expectation, Variant


def built_variant(
    name: str,
    *,
    source: str | None = None,
    variants_dirs: tuple[Path, ...] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> tuple[tuple[Path, ...], tuple[Expectation, ...]]:
    """Return the binaries of a variant's build that matter, and what it promises here.

    Raises:
        BadInput: There is no such variant, or the store does not have its build.
        EnvironmentLacks: The source or a tool that the build's id depends on is missing.
    """
    catalogue = load_catalogue(source or load_pins().default, variants_dirs)
    if not catalogue.knows(name):
        message = f"'{name}' is neither a file nor a variant"
        raise BadInput(message, did_you_mean(name, catalogue.files) or "'list' shows the variants")
    variant = catalogue.get(name)
    build = _stored(variant, on_progress)
    if build is None:
        options = [f"--source={source}"] if source else []
        options += [f"--variants-dir={folder}" for folder in variants_dirs or ()]
        command = shlex.join(["python", "-m", "llamabuild", "build", name, *options])
        message = f"the variant '{name}' is not built as it now is"
        raise BadInput(message, f"'{command}' builds it")
    return what_to_inspect(build, promises(variant.expect, detect_cpu()))


def _stored(variant: Variant, on_progress: Callable[[str], None] | None) -> Build | None:
    if next(published_builds(), None) is None:  # nothing to find: no reason to fetch the source
        return None
    tree = resolve_source(variant.source, on_progress=on_progress)
    # Neither the number of jobs nor the compiler cache is part of the id.
    plan = make_plan(variant, tree, jobs=1, compiler_cache=False)
    return load_build(plan.build_id)


def what_to_inspect(
    build: Build, expectations: Sequence[Expectation]
) -> tuple[tuple[Path, ...], tuple[Expectation, ...]]:
    """Return the binaries that hold the kernels or an expectation names, and the expectations.

    What is expected of a library of ggml's, where ggml is one library or is inside the programs, is
    expected of that.
    """
    meant = tuple(
        msgspec.structs.replace(each, binary=_holder(build, each.binary)) for each in expectations
    )
    kernels = _holder(build, KERNEL_LIBRARY)
    return binaries(build, tuple({kernels, *(each.binary for each in meant)})), meant


def _holder(build: Build, pattern: str) -> str:
    """Return the pattern, or that of the files which hold in this build what it means."""
    if not pattern.startswith(GGML) or binaries(build, (SPLIT_GGML,)):
        return pattern
    return next((p for p in (pattern, *KERNELS_ELSEWHERE) if binaries(build, (p,))), pattern)


def binaries(build: Build, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the build's files (links left out) that match any of the patterns."""
    folder = files_folder(build.id)
    return tuple(
        folder / file.path
        for file in build.files
        if not file.link and any(Path(file.path).match(pattern) for pattern in patterns)
    )
