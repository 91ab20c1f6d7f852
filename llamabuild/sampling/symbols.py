"""What a file's own symbol table says about places in it."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = "[unknown]"
FUNCTION_TYPES = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
SYMBOL = np.dtype(
    [
        ("name", "<u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)
"""``Elf64_Sym``."""


class Symbol(NamedTuple):
    """A function of a symbol table."""

    name: str
    """Mangled."""
    address: int


class Image:
    """A linked ELF file: where its parts are loaded, and which functions it names."""

    def __init__(self, path: Path) -> None:
        """Read the headers and the symbol table, the dynamic one of a stripped file.

        Raises:
            OSError: The file can't be read.
            ELFError: It is no ELF file, or damaged.
        """
        with path.open("rb") as file:
            elf = ELFFile(file)
            self._segments = [
                (s["p_offset"], s["p_filesz"], s["p_vaddr"])
                for s in elf.iter_segments()
                if s["p_type"] == "PT_LOAD"
            ]
            self.dynamic = any(s["p_type"] == "PT_INTERP" for s in elf.iter_segments())
            """The dynamic linker starts it, so that libraries can be preloaded."""
            self._symbols, self._names = _functions(elf)
        self._starts = self._symbols["value"].tolist()

    def address(self, offset: int) -> int | None:
        """Return the address that the file gives a place in it, None where it is not loaded."""
        for start, size, address in self._segments:
            if start <= offset < start + size:
                return int(address + offset - start)
        return None

    def symbol(self, address: int) -> Symbol | None:
        """Return the function that covers an address, None where the table names none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        found = self._symbols[index]
        start = int(found["value"])
        if address >= start + int(found["size"]):
            return None
        first = int(found["name"])
        name = self._names[first : self._names.index(b"\0", first)]
        return Symbol(name.decode("utf-8", "replace"), start)


@lru_cache(maxsize=64)
def read_image(path: str) -> Image | None:
    """Return what a mapped file says; None for what is no file, such as ``[vdso]``, or damaged."""
    try:
        return Image(Path(path))
    except (OSError, ELFError, ValueError):
        return None


def _functions(elf: Any) -> tuple[NDArray[Any], bytes]:  # noqa: ANN401
    """Return the functions, sorted by address, and the names that they point into."""
    nothing = np.empty(0, SYMBOL), b""
    if elf.elfclass != 64 or not elf.little_endian:  # noqa: PLR2004
        return nothing
    for name in (".symtab", ".dynsym"):
        section = elf.get_section_by_name(name)
        if section is None:
            continue
        data = section.data()
        symbols = np.frombuffer(data[: len(data) - len(data) % SYMBOL.itemsize], SYMBOL)
        kept = np.isin(symbols["info"] & 0xF, FUNCTION_TYPES) & (symbols["section"] != 0)
        kept &= symbols["size"] > 0
        symbols = symbols[kept]
        return symbols[np.argsort(symbols["value"], kind="stable")], section.stringtable.data()
    return nothing
