"""The build store: content-addressed folders, published by rename, with a manifest.

``builds/<id>/`` holds ``manifest.json``, ``files/`` (what the build made) and ``build.log``.
A folder without a manifest cannot exist there: everything is made elsewhere in the cache and
renamed into place. What is damaged later is found by size before each use and by hash when
``verify`` asks, and is then moved out of the way and built again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.types.build import Build, BuiltFile

from .paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "manifest.json"
LOG = "build.log"


def build_folder(build_id: str) -> Path:
    """Return the folder in which a build is, or will be, published."""
    return cache_dir("builds") / build_id


def files_folder(build_id: str) -> Path:
    """Return the folder of a published build's programs and libraries."""
    return build_folder(build_id) / "files"


def load_build(build_id: str, *, full: bool = False) -> Build | None:
    """Return a published build, or None if there is none or it is damaged.

    Args:
        build_id: The build's id.
        full: Check every file's hash; otherwise only presence and size.
    """
    folder = build_folder(build_id)
    try:
        build = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Build)
    except (OSError, msgspec.DecodeError):
        return None
    intact = build.id == build_id and not list(damage(build, folder / "files", full=full))
    return build if intact else None


def published_builds() -> Iterator[tuple[str, Build | None]]:
    """Yield every id in the store with its build; None where the manifest is unreadable."""
    for folder in sorted(cache_dir("builds").iterdir()):
        yield folder.name, load_build(folder.name)


def damage(build: Build, files: Path, *, full: bool) -> Iterator[str]:
    """Yield a clause for each file that isn't as the manifest has it."""
    for file in build.files:
        path = files / file.path
        if file.link:
            if not path.is_symlink() or str(path.readlink()) != file.link:
                yield f"{file.path}: link is missing or points elsewhere"
        elif path.is_symlink() or not path.is_file():
            yield f"{file.path}: missing"
        elif path.stat().st_size != file.size_bytes:
            yield f"{file.path}: {path.stat().st_size} bytes, expected {file.size_bytes}"
        elif os.access(path, os.X_OK) != file.executable:
            yield f"{file.path}: execute permission differs"
        elif full and sha256_of(path) != file.sha256:
            yield f"{file.path}: content differs from the manifest"


def collect(files: Path) -> tuple[BuiltFile, ...]:
    """Describe the files of a folder for a manifest."""
    found = []
    for path in sorted(files.rglob("*")):
        relative = path.relative_to(files).as_posix()
        if path.is_symlink():
            target = str(path.readlink())
            found.append(BuiltFile(path=relative, size_bytes=0, sha256="", link=target))
        elif path.is_file():
            found.append(
                BuiltFile(
                    path=relative,
                    size_bytes=path.stat().st_size,
                    sha256=sha256_of(path),
                    executable=os.access(path, os.X_OK),
                )
            )
    return tuple(found)


def publish(build: Build, staged: Path) -> None:
    """Write the manifest into a staged folder and rename it into the store.

    ``staged`` must lie in the cache. Whatever stood there under this id is replaced.

    Raises:
        EnvironmentLacks: The disk is full.
    """
    try:
        with (staged / MANIFEST).open("wb") as manifest:
            manifest.write(msgspec.json.format(msgspec.json.encode(build), indent=1))
            manifest.flush()
            os.fsync(manifest.fileno())
        discard(build.id)
        staged.rename(build_folder(build.id))
    except OSError as error:
        message = f"cannot store the build in {cache_dir()} ({error.strerror})"
        raise EnvironmentLacks(message, "free some disk space: 'llamabuild cache gc'") from error


def discard(build_id: str) -> None:
    """Remove a build: renamed away first, so that nobody sees half of it."""
    folder = build_folder(build_id)
    if folder.exists():
        doomed = cache_dir("scratch") / f"discarded-{build_id}-{os.getpid()}"
        folder.rename(doomed)
        shutil.rmtree(doomed)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
