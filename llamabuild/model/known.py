"""Remembers the hash and the description of a file, as long as nobody touches it.

To hash a large model takes longer than to load it. What was found is kept in the cache under the
file's path and holds while its size, time, inode and device stay the same.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.source.digest import file_sha256
from llamabuild.store.paths import cache_dir
from llamabuild.store.trouble import replace_file
from llamabuild.store.usage import mark_used
from llamabuild.types.base import Data

from .metadata import GgufMetadata, read_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.source.progress import Progress

LARGE_BYTES = 1 << 30


class Identity(Data, frozen=True):
    """What changes when a file is written to or replaced."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int


class KnownFile(Data, frozen=True):
    """A model file and what is known about it."""

    identity: Identity
    sha256: str
    metadata: GgufMetadata


def known_file(path: Path, on_progress: Progress) -> KnownFile:
    """Return what is known about a model file, after reading it if it is new or was touched.

    Raises:
        BadInput: It cannot be read, or is no usable GGUF file.
        EnvironmentLacks: What was found cannot be written down.
    """
    mark_used(path)
    before = unchanged(path)
    if before:
        return before
    identity = _identity(path)
    metadata = read_metadata(path)
    if identity.size_bytes >= LARGE_BYTES:
        on_progress(f"hashing {path.name} ({identity.size_bytes / 1e9:.1f} GB)")
    try:
        sha256 = file_sha256(path)
    except OSError as error:
        message = f"model '{path}' cannot be read ({error.strerror})"
        raise BadInput(message) from error
    known = KnownFile(identity=identity, sha256=sha256, metadata=metadata)
    if _identity(path) != identity:
        message = f"model '{path}' changed while it was read"
        raise BadInput(message, "wait until it is written, then try again")
    replace_file(_record(path), msgspec.json.encode(known))
    return known


def unchanged(path: Path) -> KnownFile | None:
    """Return what was found when the file was last read; None if it was touched since.

    Raises:
        BadInput: It cannot be read.
    """
    before = _remembered(path)
    return before if before and before.identity == _identity(path) else None


def undamaged(path: Path, on_progress: Progress) -> bool:
    """Whether a file of the cache's own is there and is what it was when it was first read."""
    before = _remembered(path)
    try:
        # What is known of a damaged file stays, so that it is found damaged the next time too.
        if before and before.identity != _identity(path) and file_sha256(path) != before.sha256:
            return False
        known_file(path, on_progress)
    except (BadInput, OSError):
        return False
    return True


def forget(path: Path) -> None:
    """Drop what is known of a file that is about to be made anew."""
    _record(path).unlink(missing_ok=True)


def _remembered(path: Path) -> KnownFile | None:
    try:
        return msgspec.json.decode(_record(path).read_bytes(), type=KnownFile)
    except (OSError, msgspec.DecodeError):
        return None


def _identity(path: Path) -> Identity:
    try:
        status = path.stat()
    except OSError as error:
        message = f"model '{path}' cannot be read ({error.strerror})"
        raise BadInput(message) from error
    return Identity(
        path=str(path.absolute()),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )


def _record(path: Path) -> Path:
    key = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]
    return cache_dir("models", "known") / f"{key}.json"
