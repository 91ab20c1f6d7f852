"""What an ELF file says about itself: architecture, and which symbols are left.

Read with :mod:`struct` because it runs before every inspection, and must fail in one clear line on
files that are damaged on purpose.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from llamabuild.errors import BadInput

from .architecture import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"\x7fELF"
MACHINES = {known.machine: name for name, known in ARCHITECTURES.items()}
OTHER_MACHINES = {8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 243: "riscv"}
LINKED = (2, 3)  # ET_EXEC, ET_DYN: each address stands once
SYMTAB, NOBITS, DYNSYM = 2, 8, 11
EXECINSTR = 4
FUNCTION_TYPES = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
BIG_ENDIAN = 2
HEAD_BYTES, HEAD_LEAST_BYTES = 64, 20
SECTION_LIMIT = 1 << 20


class ElfFacts(NamedTuple):
    """The part of an ELF file's headers that an inspection needs."""

    architecture: str
    stripped: bool
    """There is no symbol table; dynamic symbols may be left."""
    extents: dict[int, int] | None = None
    """For a stripped file: address to end of each function among the dynamic symbols."""
    code: tuple[tuple[int, int, int], ...] = ()
    """For a linked file: address, offset in the file and size of each section with code."""


class _Layout(NamedTuple):
    header: str
    section: str
    symbol: str
    symbol_fields: tuple[int, int, int, int]
    """Positions of value, size, info and section index."""


_LAYOUTS = {
    1: _Layout("HHIIIIIHHHHHH", "IIIIIIIIII", "IIIBBH", (1, 2, 3, 5)),
    2: _Layout("HHIQQQIHHHHHH", "IIQQQQIIQQ", "IBBHQQ", (4, 5, 1, 3)),
}


class _Elf(NamedTuple):
    file: BinaryIO
    order: str
    layout: _Layout


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def read_elf(file: BinaryIO, name: str) -> ElfFacts:
    """Read the headers of an ELF file.

    Raises:
        BadInput: It is no ELF file, is cut off, or holds code of an architecture without data.
    """
    try:
        return _read(file, name)
    except (struct.error, OverflowError) as error:
        raise _cut_off(name) from error


def _read(file: BinaryIO, name: str) -> ElfFacts:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    architecture = architecture_of(head, name)
    elf = _Elf(file, _byte_order(head), _LAYOUTS[head[4]])
    fields = struct.unpack_from(elf.order + elf.layout.header, head, 16)
    sections = list(_sections(elf, fields[5], fields[11], name))
    if not sections:
        message = f"'{name}' has no section headers"
        raise BadInput(
            message, "objdump needs them to find the code; inspect the file before sstrip"
        )
    if any(s.type not in (0, NOBITS) and s.offset + s.size > size for s in sections):
        raise _cut_off(name)
    stripped = all(section.type != SYMTAB for section in sections)
    extents = None
    if stripped:
        tables = (section for section in sections if section.type == DYNSYM)
        extents = {a: e for table in tables for a, e in _functions(elf, table)}
    code = tuple(_code(sections)) if fields[0] in LINKED else ()
    return ElfFacts(architecture, stripped, extents, code)


def _code(sections: Iterable[_Section]) -> Iterator[tuple[int, int, int]]:
    for section in sections:
        if section.flags & EXECINSTR and section.type != NOBITS:
            yield section.address, section.offset, section.size


def architecture_of(head: bytes, name: str) -> str:
    """Return the architecture that the first bytes of an ELF file name.

    Args:
        head: At least the first 20 bytes.
        name: What the file is called in errors.

    Raises:
        BadInput: It is no ELF file, or one of an architecture without data.
    """
    if not head.startswith(MAGIC):
        message = f"'{name}' is not an ELF file"
        raise BadInput(message, "give an executable, library, object, archive or wheel")
    if len(head) < HEAD_LEAST_BYTES or head[4] not in _LAYOUTS:
        raise _cut_off(name)
    (machine,) = struct.unpack_from(_byte_order(head) + "H", head, 18)
    if machine not in MACHINES:
        other = OTHER_MACHINES.get(machine, f"machine {machine}")
        message = f"'{name}' holds machine code for {other}"
        raise BadInput(message, f"known are {', '.join(ARCHITECTURES)}")
    return MACHINES[machine]


def _byte_order(head: bytes) -> str:
    return ">" if head[5] == BIG_ENDIAN else "<"


def _sections(elf: _Elf, offset: int, count: int, name: str) -> Iterator[_Section]:
    if offset == 0:
        return
    record = struct.Struct(elf.order + elf.layout.section)
    if count == 0:  # more than fit the header: the first section's size tells
        count = _Section(*record.unpack(_at(elf.file, offset, record.size))).size
    if count > SECTION_LIMIT:
        message = f"'{name}' claims {count} sections"
        raise BadInput(message, "the file is damaged")
    for fields in record.iter_unpack(_at(elf.file, offset, count * record.size)):
        yield _Section(*fields)


def _functions(elf: _Elf, table: _Section) -> Iterator[tuple[int, int]]:
    record = struct.Struct(elf.order + elf.layout.symbol)
    value, size, info, index = elf.layout.symbol_fields
    whole = table.size - table.size % record.size
    for symbol in record.iter_unpack(_at(elf.file, table.offset, whole)):
        if symbol[info] & 0xF in FUNCTION_TYPES and symbol[index] != 0 and symbol[size] != 0:
            yield symbol[value], min(symbol[value] + symbol[size], 2**64 - 1)


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise struct.error
    return data


def _cut_off(name: str) -> BadInput:
    message = f"'{name}' is cut off or damaged: its headers point past its end"
    return BadInput(message, "copy or build it again")
