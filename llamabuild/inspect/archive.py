"""Archives of objects: what their members are called and where each begins.

A member header has 60 bytes: name (16), date, owner, group, mode, size (10, at byte 48), and an end
mark. ``//`` holds the names that are too long, each ended by ``/`` and a newline; ``/123`` is the
name at byte 123 of it. In a thin archive no data follows the header of an object: its name is a
path relative to the archive. Format: the manual of GNU ar, and ``ar.h``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from llamabuild.errors import BadInput

from .elf import MAGIC, ElfFacts, architecture_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE, THIN_ARCHIVE = b"!<arch>\n", b"!<thin>\n"
HEADER_BYTES = 60
END_MARK = b"`\n"
INDEXES = (b"/", b"/SYM64/")
NAMES = b"//"
NAMES_LIMIT = 64 << 20


class Member(NamedTuple):
    """A member that is no index."""

    name: bytes
    """As the header has it; ``/123`` is not looked up."""
    start: int
    """Where its data begins, or would."""


def first_object(file: BinaryIO, name: str) -> ElfFacts:
    """Return the facts of an archive: the architecture is that of its first ELF object.

    Raises:
        BadInput: The archive is damaged, or holds no object.
    """
    for member in _members(file, name, thin=False):
        file.seek(member.start)
        head = file.read(20)
        if head.startswith(MAGIC):
            return ElfFacts(architecture_of(head, name), stripped=False)
    message = f"'{name}' is an archive without object files"
    raise BadInput(message, "only archives of machine code can be inspected")


def thin_paths(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the paths in a thin archive, as they stand there.

    Raises:
        BadInput: The archive is damaged.
    """
    names = b""
    for member in _members(file, name, thin=True):
        if member.name == NAMES:
            file.seek(member.start - HEADER_BYTES + 48)
            size = int(file.read(10))
            file.seek(member.start)
            names = file.read(min(size, NAMES_LIMIT))
        else:
            yield os.fsdecode(_path(member.name, names, name))


def _path(written: bytes, names: bytes, archive: str) -> bytes:
    """Return the name of a member, looked up where it is a number."""
    if not written.startswith(b"/"):
        return written.removesuffix(b"/")
    # "/123:456" lies at byte 456 of the archive whose name is at 123; a path all the same.
    number = written[1:].partition(b":")[0]
    start = int(number) if number.isdigit() else len(names)
    found = names[start : max(names.find(b"/\n", start), start)]
    if not found:
        message = f"'{archive}' is a damaged archive (no name for a member)"
        raise BadInput(message, "build it again")
    return found


def _members(file: BinaryIO, name: str, *, thin: bool) -> Iterator[Member]:
    end = file.seek(0, os.SEEK_END)
    position = len(ARCHIVE)
    while position < end:
        file.seek(position)
        header = file.read(HEADER_BYTES)
        size = header[48:58].strip()
        if not header.endswith(END_MARK) or len(header) != HEADER_BYTES or not size.isdigit():
            message = f"'{name}' is a damaged archive (member header at byte {position})"
            raise BadInput(message, "build it again")
        written, start = header[:16].rstrip(), position + HEADER_BYTES
        index = written in INDEXES
        if not index:
            yield Member(written, start)
        inline = not thin or index or written == NAMES
        position = start + (int(size) + int(size) % 2 if inline else 0)
