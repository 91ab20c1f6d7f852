"""Unpacks archives of others, tar or zip, without trusting anything they say."""

from __future__ import annotations

import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, cast

from llamabuild.errors import BadInput, EnvironmentLacks

from .folder_writer import FolderWriter, Limits, split_name
from .metered import MeteredReader, UnsafeArchive
from .zip_members import zip_members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .folder_writer import Parts

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
HEADER_BYTES = 1 << 18
"""What the headers of one member may take; honest ones take a few hundred bytes."""
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error),
    *(lzma.LZMAError, ValueError, OverflowError, NotImplementedError, RecursionError),
)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
IMPOSSIBLE = {
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EISDIR),
    *(errno.ENOTDIR, errno.EEXIST, errno.ELOOP),
}
"""What the system says to names that no folder can hold."""


def unpack(archive: Path, into: Path, *, subtree: str = "", limits: Limits | None = None) -> None:
    """Unpack a ``.tar``, ``.tar.gz`` or ``.zip`` into a new folder.

    Only regular files, folders and links that stay inside are accepted; owners, times and all
    mode bits but the executable one are dropped, and so is everything named ``.git``.

    Args:
        archive: A file whose hash was verified where one is known.
        into: The folder to make; it must not be there yet. After an error it is incomplete.
        subtree: Pattern of one folder in the archive, such as ``*/vendor/llama.cpp``; ``into``
            becomes that folder, and everything else is left out.
        limits: Bounds on what is written; generous ones by default.

    Raises:
        BadInput: The archive is damaged, refused, or has no such subtree.
        EnvironmentLacks: The disk is full or cannot be written to.
    """
    limits = limits or Limits()
    try:
        with FolderWriter(into, limits) as writer, archive.open("rb") as raw:
            selection = _Selection(subtree)
            magic = raw.read(4)
            raw.seek(0)
            if magic == ZIP_MAGIC:
                _unpack_zip(raw, writer, selection)
            elif magic[:2] == GZIP_MAGIC:
                with gzip.open(raw) as unzipped:
                    _unpack_tar(cast("IO[bytes]", unzipped), writer, selection, limits, into)
            else:
                _unpack_tar(raw, writer, selection, limits, into)
            writer.finish()
    except UnsafeArchive as error:
        message = f"archive '{archive.name}' was refused: {error}"
        raise BadInput(message, "nothing of it was kept") from error
    except DAMAGED as error:
        message = f"archive '{archive.name}' is damaged or cut short ({error})"
        raise BadInput(message, "fetch it again") from error
    except OSError as error:
        if error.errno in FULL:
            message = f"no room to unpack '{archive.name}' into {into.parent}"
            raise EnvironmentLacks(message, "free some disk space, then try again") from error
        message = f"archive '{archive.name}' cannot be unpacked ({error.strerror})"
        if error.errno in IMPOSSIBLE:
            raise BadInput(message, "nothing of it was kept") from error
        raise EnvironmentLacks(message, f"make sure that {into.parent} can be written") from error


class _Selection:
    """Which members are wanted, and where they go."""

    def __init__(self, subtree: str) -> None:
        self._pattern = tuple(subtree.split("/")) if subtree else ()
        self._folder: Parts | None = None

    def place(self, parts: Parts) -> Parts | None:
        """Return where a member goes below the new folder; None if it is left out."""
        depth = len(self._pattern)
        head = parts[:depth]
        if len(head) < depth or not all(map(fnmatchcase, head, self._pattern)):
            return None
        if self._folder not in {None, head}:
            why = f"two folders match '{'/'.join(self._pattern)}'"
            raise UnsafeArchive(why)
        self._folder = head
        return None if ".git" in parts else parts[depth:]

    def check_found(self) -> None:
        """Refuse an archive in which nothing was wanted."""
        if self._folder is None:
            what = f"folder '{'/'.join(self._pattern)}'" if self._pattern else "files"
            why = f"there are no {what} in it" if not self._pattern else f"there is no {what} in it"
            raise UnsafeArchive(why)


def _unpack_tar(
    raw: IO[bytes], writer: FolderWriter, selection: _Selection, limits: Limits, into: Path
) -> None:
    # Headers and padding come on top of the data: at most some blocks a member.
    overhead = limits.max_members * 4 * tarfile.BLOCKSIZE
    metered = MeteredReader(raw, limits.max_bytes + overhead)
    for tar, member in _tar_members(metered):
        writer.count_member()
        try:
            parts = selection.place(split_name(member.name))
            if parts:
                _refuse_by_filter(member, into)
                metered.allowance = max(member.size, 0) + tarfile.BLOCKSIZE
                _write_tar_member(tar, member, parts, writer, selection)
        except UnsafeArchive as error:
            why = f"member '{member.name!s:.200}': {error}"
            raise UnsafeArchive(why) from error
    metered.drain()
    selection.check_found()


def _tar_members(metered: MeteredReader) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    metered.allowance = HEADER_BYTES
    with tarfile.open(fileobj=cast("IO[bytes]", metered), mode="r:", errorlevel=2) as tar:
        while True:
            metered.allowance = HEADER_BYTES
            member = tar.next()
            if member is None:
                return
            yield tar, member
            # It keeps every member otherwise, however many there are.
            tar.members = []  # type: ignore[attr-defined]


def _refuse_by_filter(member: tarfile.TarInfo, into: Path) -> None:
    """Ask Python's own filter as well, where this Python has one."""
    data_filter = getattr(tarfile, "data_filter", None)
    if data_filter is not None:
        try:
            data_filter(member, str(into))
        except tarfile.FilterError as error:
            raise UnsafeArchive(str(error)) from error


def _write_tar_member(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    parts: Parts,
    writer: FolderWriter,
    selection: _Selection,
) -> None:
    if member.isdir():
        writer.folder(parts)
    elif member.issym():
        writer.symbolic_link(parts, member.linkname)
    elif member.islnk():
        target = selection.place(split_name(member.linkname))
        if not target:
            why = f"it is a hard link to '{member.linkname}', outside the folder"
            raise UnsafeArchive(why)
        writer.hard_link(parts, target)
    elif member.isreg() and not member.issparse():
        stream = tar.extractfile(member)
        assert stream is not None
        writer.file(parts, stream, size=member.size, executable=bool(member.mode & 0o100))
    else:
        why = "it is neither a file, a folder nor a link"
        raise UnsafeArchive(why)


def _unpack_zip(raw: IO[bytes], writer: FolderWriter, selection: _Selection) -> None:
    with zipfile.ZipFile(raw) as archive:
        for member in zip_members(archive):
            writer.count_member()
            parts = selection.place(split_name(member.name))
            if not parts:
                continue
            if member.is_folder:
                writer.folder(parts)
                continue
            with archive.open(member.info) as stream:
                writer.file(parts, stream, size=member.size, executable=member.executable)
    selection.check_found()
