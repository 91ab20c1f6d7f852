"""Find what was built under a variant's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.machine.cpu import detect_cpu
from llamabuild.source.pins import load_pins
from llamabuild.store.builds import files_folder, published_builds
from llamabuild.variants import load_catalogue, promises

if TYPE_CHECKING:
    from llamabuild.types.build import Build
    from llamabuild.types.variant import Expectation

KERNEL_LIBRARY = "libggml-cpu*"


def newest_build(name: str) -> Build:
    """Return the newest intact build of a variant.

    Raises:
        BadInput: The store has none.
    """
    builds = [b for _, b in published_builds() if b is not None and b.plan.variant == name]
    if not builds:
        message = f"'{name}' is neither a file nor a variant that was built"
        raise BadInput(message, f"'python -m llamabuild build {name}' builds a variant")
    return max(builds, key=lambda build: build.created)


def built_variant(name: str) -> tuple[tuple[Path, ...], tuple[Expectation, ...]]:
    """Return the binaries of a variant's newest build that matter, and what it promises here.

    Raises:
        BadInput: There is no such build.
    """
    build = newest_build(name)
    catalogue = load_catalogue(load_pins().default)
    known = name in catalogue.files
    expectations = promises(catalogue.get(name).expect, detect_cpu()) if known else ()
    patterns = tuple({KERNEL_LIBRARY, *(e.binary for e in expectations)})
    return binaries(build, patterns), expectations


def binaries(build: Build, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the build's files (links left out) that match any of the patterns."""
    folder = files_folder(build.id)
    return tuple(
        folder / file.path
        for file in build.files
        if not file.link and any(Path(file.path).match(pattern) for pattern in patterns)
    )
