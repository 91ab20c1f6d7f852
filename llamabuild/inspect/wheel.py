"""ELF files in a wheel, unpacked one at a time."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from llamabuild.errors import BadInput
from llamabuild.store.paths import scratch_dir

from .container import Binary
from .elf import MAGIC, read_elf

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER_FLOOR_BYTES = 64 << 20
MEMBER_LIMIT_BYTES = 2 << 30
RATIO_LIMIT = 100
"""Machine code compresses three- to tenfold, debug information up to about thirtyfold."""
COPY_BYTES = 1 << 20


def wheel_binaries(file: BinaryIO, name: str) -> Iterator[Binary]:
    """Yield the ELF files of a wheel; each is gone when the next one comes.

    Raises:
        BadInput: The wheel is damaged, holds no ELF file, or one that unpacks without end.
    """
    with scratch_dir("inspect-") as folder:
        yield from _of_wheel(file, name, Path(folder))


def _of_wheel(file: BinaryIO, name: str, folder: Path) -> Iterator[Binary]:
    found = False
    try:
        with zipfile.ZipFile(file) as wheel:
            for number, entry in enumerate(wheel.infolist()):
                with wheel.open(entry) as member:
                    if member.read(4) != MAGIC:
                        continue
                found = True
                label = f"{name}({entry.filename})"
                path = folder / str(number)
                _extract(wheel, entry, path, label)
                with path.open("rb") as extracted:
                    facts = read_elf(extracted, label)
                yield Binary(path, label, facts, archive=False)
                path.unlink()
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        message = f"'{name}' is a damaged wheel ({error})"
        raise BadInput(message, "download or build it again") from error
    if not found:
        message = f"no ELF file in '{name}'"
        raise BadInput(message, "a wheel of pure Python has no machine code")


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
