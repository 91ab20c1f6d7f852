"""ELF files and archives in a wheel, unpacked one at a time."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from llamabuild.errors import BadInput
from llamabuild.store.paths import scratch_dir

from .archive import ARCHIVE, THIN_ARCHIVE
from .container import Binary
from .elf import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER_FLOOR_BYTES = 64 << 20
MEMBER_LIMIT_BYTES = 2 << 30
RATIO_LIMIT = 100
"""Machine code compresses three- to tenfold, debug information up to about thirtyfold."""
COPY_BYTES = 1 << 20
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, NotImplementedError, ValueError),
)
"""What zipfile raises on files that are not what they say; beside these, bz2 raises an OSError
without a number, and offsets that no file can have end in EINVAL."""


def wheel_binaries(file: BinaryIO, name: str) -> Iterator[Binary]:
    """Yield the ELF files and archives of a wheel; each is gone when the next one comes.

    Raises:
        BadInput: The wheel is damaged, holds no machine code, or some that unpacks without end.
    """
    with scratch_dir("inspect-") as folder:
        yield from _of_wheel(file, name, Path(folder))


def _of_wheel(file: BinaryIO, name: str, folder: Path) -> Iterator[Binary]:
    found = False
    try:
        with zipfile.ZipFile(file) as wheel:
            for number, entry in enumerate(wheel.infolist()):
                with wheel.open(entry) as member:
                    head = member.read(len(ARCHIVE))
                if not head.startswith((MAGIC, ARCHIVE)) and head != THIN_ARCHIVE:
                    continue
                found = True
                label = f"{name}({entry.filename})"
                path = folder / str(number)
                _extract(wheel, entry, path, label)
                yield Binary(path, label, archive=head == ARCHIVE, member=True)
                path.unlink()
    except DAMAGE as error:
        raise _damaged(name, error) from error
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:  # the disk's, not the file's
            raise
        raise _damaged(name, error) from error
    if not found:
        message = f"no ELF file and no archive in '{name}'"
        raise BadInput(message, "a wheel of pure Python has no machine code")


def _damaged(name: str, error: Exception) -> BadInput:
    message = f"'{name}' is a damaged wheel ({error})"
    return BadInput(message, "download or build it again")


def _extract(wheel: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, label: str) -> None:
    """Unpack to a name of our own choice, counting what really comes out."""
    limit = max(MEMBER_FLOOR_BYTES, RATIO_LIMIT * entry.compress_size)
    limit = min(limit, MEMBER_LIMIT_BYTES)
    with wheel.open(entry) as member, path.open("wb") as target:
        written = 0
        while data := member.read(COPY_BYTES):
            written += len(data)
            if written > limit:
                message = f"'{label}' unpacks to more than {limit >> 20} MiB"
                raise BadInput(message, "it looks like a zip bomb and was not inspected")
            target.write(data)
