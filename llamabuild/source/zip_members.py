"""What the members of a zip archive are, with everything unusual refused."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .metered import UnsafeArchive

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """A regular file or a folder."""

    info: zipfile.ZipInfo
    name: str
    size: int
    """Bytes when unpacked, as the archive says."""
    is_folder: bool
    executable: bool


def zip_members(archive: zipfile.ZipFile) -> Iterator[ZipMember]:
    """Yield the members of an archive.

    Raises:
        UnsafeArchive: One is encrypted, or is neither a file nor a folder.
    """
    for info in archive.infolist():
        mode = info.external_attr >> 16
        if info.flag_bits & ENCRYPTED:
            why = f"member '{info.filename:.200}' is encrypted"
            raise UnsafeArchive(why)
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            why = f"member '{info.filename:.200}' is neither a file nor a folder"
            raise UnsafeArchive(why)
        yield ZipMember(
            info=info,
            name=info.filename,
            size=info.file_size,
            is_folder=info.is_dir(),
            executable=bool(mode & stat.S_IXUSR),
        )
