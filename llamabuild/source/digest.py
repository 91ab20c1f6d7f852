"""What is in a tree, as one SHA-256.

The digest covers, for every file that a build can see, in order of its name: the name, whether
it is executable, and its content, or the target of a link. The same content has the same digest
wherever it came from. Left out is what no build reads: hidden folders (``.git`` above all) and a
``.git`` file, folders that are CMake builds or Python environments, Python's byte code, and
models other than the vocabularies that belong to llama.cpp.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
NOT_SOURCE = ("CMakeCache.txt", "pyvenv.cfg")
"""A folder below the top that holds one of these is not part of the source."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a link of a tree."""

    name: bytes
    """Relative to the tree."""
    path: Path
    status: os.stat_result
    link: bytes | None
    """Where a link inside the tree points to; None for a file."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digest(tree: Path) -> str:
    """Return the digest of everything in a tree that a build can see.

    Raises:
        BadInput: Something in it cannot be read.
    """
    total = hashlib.sha256()
    for entry in _entries(tree):
        if entry.link is not None:
            kind, content = b"link", entry.link
        else:
            kind = b"program" if entry.status.st_mode & stat.S_IXUSR else b"file"
            try:
                content = file_sha256(entry.path).encode()
            except OSError as error:
                message = f"cannot read '{entry.path}' ({error.strerror})"
                raise BadInput(message, "make it readable") from error
        # Names and targets cannot hold a zero byte, so the fields cannot run into each other.
        total.update(b"\0".join((kind, entry.name, content, b"")))
    return total.hexdigest()


def quick_signature(tree: Path) -> str:
    """Return a hash of all names, sizes and times: it changes when a file was touched.

    Some milliseconds instead of a read of everything. Two equal signatures of a folder on one
    machine mean that nothing was changed in it; two different ones only that it may have been.
    """
    total = hashlib.sha256()
    for entry in _entries(tree):
        status = entry.status
        fields = (status.st_mode, status.st_size, status.st_mtime_ns)
        total.update(b"\0".join((entry.name, repr(fields).encode(), b"")))
    return total.hexdigest()


def _entries(tree: Path) -> list[Entry]:
    """Return everything in a tree that counts, sorted by name."""
    root = Path(os.path.realpath(tree))
    return sorted(_walk(root, root, b"", (root,)), key=lambda e: e.name)


def _walk(root: Path, folder: Path, prefix: bytes, above: tuple[Path, ...]) -> Iterator[Entry]:
    """Walk one folder. ``above`` are the real paths of the folders on the way here."""
    try:
        with os.scandir(folder) as listing:
            items = list(listing)
    except OSError as error:
        message = f"cannot read the folder '{folder}' ({error.strerror})"
        raise BadInput(message, "make it readable") from error
    if folder != root and any(i.name in NOT_SOURCE for i in items):
        return
    for item in items:
        name = prefix + os.fsencode(item.name)
        if item.is_symlink():
            real = Path(os.path.realpath(item.path))
            if not real.exists() or real.is_relative_to(root):
                target = os.fsencode(Path(item.path).readlink())
                yield Entry(name, Path(item.path), item.stat(follow_symlinks=False), target)
                continue
        # A link that leads out of the tree counts as what is there: a build would read that.
        if item.is_dir():
            inner = Path(os.path.realpath(item.path))
            if not _is_left_out(item.name) and inner not in above:
                yield from _walk(root, inner, name + b"/", (*above, inner))
        elif item.is_file() and not _is_left_out_file(item.name):
            yield Entry(name, Path(item.path), item.stat(), None)


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or folder == "__pycache__"


def _is_left_out_file(file: str) -> bool:
    other_model = file.endswith(".gguf") and not file.startswith("ggml-vocab-")
    return other_model or file == ".git"
