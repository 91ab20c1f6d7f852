"""What kind of file it is, and the binaries inside: an ELF file, an archive, or a wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from llamabuild.errors import BadInput

from .elf import MAGIC, ElfFacts, architecture_of, read_elf

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ARCHIVE, THIN_ARCHIVE, ZIP = b"!<arch>\n", b"!<thin>\n", b"PK\x03\x04"
MEMBER_HEADER_BYTES = 60


class Binary(NamedTuple):
    """A file that objdump can read."""

    path: Path
    name: str
    facts: ElfFacts
    """Of an archive: those of its first object."""
    archive: bool


def binaries(path: Path) -> Generator[Binary]:
    """Yield the binaries in a file; members of a wheel are gone when the next one comes.

    Raises:
        BadInput: The file can't be read, or is none of the kinds.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        message = f"cannot read '{path}'"
        raise BadInput(message, error.strerror or str(error)) from error
    with file:
        magic = file.read(8)
        if magic.startswith(ZIP):
            from .wheel import wheel_binaries  # noqa: PLC0415

            yield from wheel_binaries(file, path.name)
        else:
            yield _plain(file, path, magic)


def _plain(file: BinaryIO, path: Path, magic: bytes) -> Binary:
    if magic == THIN_ARCHIVE:
        message = f"'{path.name}' is a thin archive, which holds no code"
        raise BadInput(message, "inspect the object files that it lists")
    if magic == ARCHIVE:
        return Binary(path, path.name, _first_object(file, path.name), archive=True)
    if not magic:
        message = f"'{path.name}' is empty"
        raise BadInput(message, "copy or build it again")
    return Binary(path, path.name, read_elf(file, path.name), archive=False)


def _first_object(file: BinaryIO, name: str) -> ElfFacts:
    """Architecture of an archive: that of the first member that is an ELF object."""
    position = len(ARCHIVE)
    while True:
        file.seek(position)
        header = file.read(MEMBER_HEADER_BYTES)
        if not header:
            message = f"'{name}' is an archive without object files"
            raise BadInput(message, "only archives of machine code can be inspected")
        size = header[48:58].strip()
        if len(header) != MEMBER_HEADER_BYTES or header[58:] != b"`\n" or not size.isdigit():
            message = f"'{name}' is a damaged archive (member header at byte {position})"
            raise BadInput(message, "build it again")
        start = position + MEMBER_HEADER_BYTES
        member = file.read(20)
        if member.startswith(MAGIC):
            architecture = architecture_of(member, name)
            return ElfFacts(architecture, stripped=False)
        position = start + int(size) + int(size) % 2
