"""Find what was built under a variant's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.store.builds import files_folder, published_builds

if TYPE_CHECKING:
    from llamabuild.types.build import Build

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


def binaries(build: Build, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the build's files (links left out) that match any of the patterns."""
    folder = files_folder(build.id)
    return tuple(
        folder / file.path
        for file in build.files
        if not file.link and any(Path(file.path).match(pattern) for pattern in patterns)
    )
