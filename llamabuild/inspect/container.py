"""What kind of file it is, and the binaries inside: an ELF file, an archive, or a wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from llamabuild.errors import BadInput

from .archive import ARCHIVE, THIN_ARCHIVE, first_object, thin_paths
from .elf import read_elf

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from .elf import ElfFacts

    OnSkip = Callable[[str, str], None]
    """Told the name of a member that is left out, and why."""

ZIP = b"PK\x03\x04"


class Binary(NamedTuple):
    """A file that objdump can read, if its headers are sound."""

    path: Path
    name: str
    archive: bool = False
    member: bool = False
    """One of several in a container, which can be inspected without it."""


def binaries(path: Path, on_skip: OnSkip) -> Generator[Binary]:
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
        elif magic == THIN_ARCHIVE:
            yield from _thin(file, path, on_skip)
        else:
            yield Binary(path, path.name, archive=magic == ARCHIVE)


def facts_of(binary: Binary) -> ElfFacts:
    """Return what the headers say; of an archive, those of its first object.

    Raises:
        BadInput: It is damaged, or holds no code of a known architecture.
    """
    with binary.path.open("rb") as file:
        if binary.archive:
            return first_object(file, binary.name)
        if not file.read(1):
            message = f"'{binary.name}' is empty"
            raise BadInput(message, "copy or build it again")
        return read_elf(file, binary.name)


def _thin(file: BinaryIO, path: Path, on_skip: OnSkip) -> Iterator[Binary]:
    """Follow a thin archive to the object files that it names.

    An archive from elsewhere could name any file of this machine: only regular files in the
    archive's own folder or below it are read, with links followed before that is judged.
    """
    home = path.parent.resolve()
    reasons = []
    found = False
    for written in thin_paths(file, path.name):
        name = f"{path.name}({written})"
        reason = _refusal(home, written)
        if reason:
            reasons.append(reason)
            on_skip(name, reason)
        else:
            found = True
            yield Binary(home / written, name, member=True)
    if not found:
        why = f" ({reasons[0]})" if reasons else ""
        message = f"'{path.name}' is a thin archive without object files that can be read{why}"
        raise BadInput(message, "inspect the object files that it lists")


def _refusal(home: Path, written: str) -> str:
    """Say why a member of a thin archive is not read; empty if it is."""
    try:
        target = (home / written).resolve()
        if not target.is_relative_to(home):
            return "it lies outside the archive's folder"
        return "" if target.is_file() else "it is no file that is there"
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, links in a circle
        return "its name cannot be that of a file"
