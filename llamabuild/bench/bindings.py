"""To which library the dynamic loader bound malloc, as glibc's ld.so itself tells it.

The format is that of ``LD_DEBUG=bindings`` (ld.so(8)); other loaders say nothing.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BINDING = re.compile(r"binding file (.+) \[\d+\] to (.+) \[\d+\]: normal symbol `(\w+)'")
SYMBOLS = ("malloc", "posix_memalign")
"""What llama.cpp allocates with: the second has its large buffers, C++'s new ends in the first."""
OWN_LIBRARIES = ("libggml", "libllama")
NOT_PRELOADED = re.compile(
    r"^ERROR: ld\.so: object '(.+)' from LD_PRELOAD (cannot be .*)$", re.MULTILINE
)


def debug_environment(folder: Path) -> dict[str, str]:
    """Return what makes the loader bind everything at the start and write it into the folder."""
    output = str(folder / "bindings")
    return {"LD_DEBUG": "bindings", "LD_BIND_NOW": "1", "LD_DEBUG_OUTPUT": output}


def allocating_libraries(folder: Path, program: Path) -> tuple[str, ...]:
    """Return the file names of the libraries that llama.cpp's allocations were bound to.

    One, unless something is mixed up; none if the loader wrote nothing. What started the program
    in its place wrote into the same file and does not count.
    """
    found: dict[str, None] = {}
    own = defined_symbols(program)
    for path in sorted(folder.glob("bindings.*")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for asker, library, symbol in _bindings(lines):
                if library == str(program) and symbol not in own:
                    continue
                if asker == str(program) or PurePath(asker).name.startswith(OWN_LIBRARIES):
                    found[PurePath(library).name] = None
    return tuple(found)


def defined_symbols(program: Path) -> frozenset[str]:
    """Return which of the allocator's functions a program has itself; all if that can't be told.

    An executable for a fixed address lends its own entry for a function whose address it takes
    (a symbol with a value, but of no section): the loader names it, the library behind it answers.
    """
    try:
        with program.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".dynsym")
            if not isinstance(table, SymbolTableSection):
                return frozenset(SYMBOLS)
            return frozenset(
                symbol.name
                for name in SYMBOLS
                for symbol in table.get_symbol_by_name(name) or ()
                if symbol.entry.st_shndx != "SHN_UNDEF"
            )
    except (OSError, ELFError):
        return frozenset(SYMBOLS)


def _bindings(lines: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    for line in lines:
        if (match := BINDING.search(line)) and match[3] in SYMBOLS:
            yield match[1], match[2], match[3]


def not_preloaded(stderr: str) -> str:
    """Return the loader's complaint about a library that it left out, or the empty string."""
    match = NOT_PRELOADED.search(stderr)
    return f"{PurePath(match[1]).name} {match[2]}" if match else ""


def has_loader(program: Path) -> bool:
    """Tell whether a program asks for a dynamic loader; one that isn't ELF (a script) does."""
    with program.open("rb") as file:
        try:
            return any(s.header.p_type == "PT_INTERP" for s in ELFFile(file).iter_segments())
        except ELFError:
            return True
