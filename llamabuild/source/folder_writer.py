"""Writes what an archive holds into one folder and nowhere else.

Every file is created anew through descriptors of its parent folders that were opened without
following links, so neither a link in the archive nor one made meanwhile can lead a write out.
Symbolic links are made last, each after a look at where it points.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Self

from llamabuild.types.base import Data

from .metered import UnsafeArchive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Parts = tuple[str, ...]
"""A path inside the folder, one component an element; never ``..``, never empty components."""

CHUNK_BYTES = 1 << 20
MAX_DEPTH = 64
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(Data, frozen=True):
    """How much an archive may unpack to."""

    max_bytes: int = 4 << 30
    max_members: int = 200_000


def split_name(name: str) -> Parts:
    """Split a member's name into its components.

    Raises:
        UnsafeArchive: It is absolute, goes up, is too deep or holds control characters.
    """
    if name.startswith("/"):
        why = "its name is absolute"
        raise UnsafeArchive(why)
    if any(ord(c) < ord(" ") for c in name):
        why = "its name holds control characters"
        raise UnsafeArchive(why)
    parts = tuple(p for p in name.split("/") if p not in {"", "."})
    if ".." in parts:
        why = "its name leaves the folder"
        raise UnsafeArchive(why)
    if len(parts) > MAX_DEPTH:
        why = f"it is more than {MAX_DEPTH} folders deep"
        raise UnsafeArchive(why)
    return parts


class FolderWriter:
    """Fills a new folder. All methods raise UnsafeArchive or OSError.

    Args:
        root: The folder, made here; its parent must be there and under our control.
        limits: How much may be written.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        self._limits = limits
        self._members = 0
        self._bytes = 0
        self._links: list[tuple[Parts, str]] = []
        root.mkdir()
        self._root = os.open(root, OPEN_FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def count_member(self) -> None:
        """Count one more member, written or not."""
        self._members += 1
        if self._members > self._limits.max_members:
            why = f"it holds more than {self._limits.max_members} members"
            raise UnsafeArchive(why)

    def folder(self, parts: Parts) -> None:
        """Make a folder; one that is there already is fine."""
        with self._opened(parts, create=True):
            pass

    def file(self, parts: Parts, stream: IO[bytes], *, size: int, executable: bool) -> None:
        """Write a new file of exactly ``size`` bytes."""
        self._bytes += size
        if size < 0 or self._bytes > self._limits.max_bytes:
            why = f"it unpacks to more than {self._limits.max_bytes} bytes"
            raise UnsafeArchive(why)
        mode = 0o755 if executable else 0o644
        with self._opened(_parent(parts), create=True) as folder:
            try:
                descriptor = os.open(parts[-1], NEW_FILE, mode, dir_fd=folder)
            except FileExistsError:
                why = "it is there twice"
                raise UnsafeArchive(why) from None
            with os.fdopen(descriptor, "wb") as out:
                left = size
                while left:
                    data = stream.read(min(left, CHUNK_BYTES))
                    if not data:
                        why = "its data ends early"
                        raise UnsafeArchive(why)
                    out.write(data)
                    left -= len(data)

    def hard_link(self, parts: Parts, target: Parts) -> None:
        """Give a file that was written before a second name."""
        try:
            with (
                self._opened(_parent(target)) as source,
                self._opened(_parent(parts), create=True) as folder,
            ):
                os.link(
                    target[-1],
                    parts[-1],
                    src_dir_fd=source,
                    dst_dir_fd=folder,
                    follow_symlinks=False,
                )
        except (FileNotFoundError, FileExistsError, PermissionError, IndexError) as error:
            why = "it is a hard link to something that is not a file before it in the archive"
            raise UnsafeArchive(why) from error

    def symbolic_link(self, parts: Parts, target: str) -> None:
        """Note a symbolic link; it is made by :meth:`finish`."""
        _parent(parts)
        self._links.append((parts, target))

    def finish(self) -> None:
        """Make the noted links, now that nothing can be written through them any more."""
        for parts, target in self._links:
            self._check_target(_parent(parts), target)
            with self._opened(_parent(parts), create=True) as folder:
                try:
                    os.symlink(target, parts[-1], dir_fd=folder)
                except FileExistsError:
                    why = f"'{'/'.join(parts)}' is there twice"
                    raise UnsafeArchive(why) from None

    def _check_target(self, at: Parts, target: str) -> None:
        """Refuse a target that leaves the folder or goes through another link.

        Each component is followed by hand: all but the last must be real folders, so where the
        text leads is where the kernel will go.
        """
        here = list(at)
        components = [c for c in target.split("/") if c not in {"", "."}]
        if target.startswith("/") or not components:
            why = f"'{'/'.join(at)}' holds a link to '{target}', outside the folder"
            raise UnsafeArchive(why)
        for index, component in enumerate(components):
            if index and not self._is_folder(tuple(here)):
                why = f"a link to '{target}' goes through something that is not a folder"
                raise UnsafeArchive(why)
            if component != "..":
                here.append(component)
            elif here:
                here.pop()
            else:
                why = f"a link to '{target}' leaves the folder"
                raise UnsafeArchive(why)

    def _is_folder(self, parts: Parts) -> bool:
        try:
            with self._opened(parts):
                return True
        except (FileNotFoundError, UnsafeArchive):
            return False

    @contextmanager
    def _opened(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        """Open a folder component by component, through real folders only."""
        descriptor = os.dup(self._root)
        try:
            for part in parts:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=descriptor)
                try:
                    inner = os.open(part, OPEN_FOLDER, dir_fd=descriptor)
                except NotADirectoryError:
                    why = f"'{part}' in its path is not a folder"
                    raise UnsafeArchive(why) from None
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _parent(parts: Parts) -> Parts:
    if not parts:
        why = "it has no name"
        raise UnsafeArchive(why)
    return parts[:-1]
