"""Sampled places in files, joined with what the inspection found there."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.build.kernel_files import KERNEL_LIBRARY
from llamabuild.errors import EnvironmentLacks
from llamabuild.inspect import group_names
from llamabuild.machine.extension import load_extension
from llamabuild.sampling import UNKNOWN, read_image
from llamabuild.types.proof import FunctionShare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llamabuild.sampling import Mapping as Mapped
    from llamabuild.types.inspection import FunctionIsa, Inspection

SMALLEST_SHARE = 0.005


def functions(
    places: Mapping[tuple[str, int], int], inspections: Sequence[Inspection], folder: Path
) -> tuple[FunctionShare, ...]:
    """Return the functions in which samples lie, those of at least 0.5 %, largest first.

    They are joined by file and address, since names repeat: outlined loops, clones and templates.

    Args:
        places: Number of samples by path and offset in the file.
        inspections: Of the build; a file of the same name from elsewhere is not taken for it.
        folder: Where the program lies.
    """
    finders = {inspection.file: Finder(inspection) for inspection in inspections}
    counts = Counter[tuple[str, str, int, tuple[str, ...]]]()
    for (path, offset), number in places.items():
        counts[_function(path, offset, finders, folder)] += number
    total = sum(counts.values())
    return tuple(
        FunctionShare(name=name, library=library, share=number / total, groups=groups)
        for (library, name, _, groups), number in counts.most_common()
        if number >= SMALLEST_SHARE * total
    )


def libraries(places: Mapping[tuple[str, int], int]) -> dict[str, float]:
    """Return the share of samples by file, largest first."""
    counts = Counter[str]()
    for (path, _), number in places.items():
        counts[_file_name(path)] += number
    total = counts.total()
    return {library: number / total for library, number in counts.most_common()}


def loaded(mappings: Iterable[Mapped]) -> tuple[str, ...]:
    """Return the CPU backends that the process mapped, the one that it settled on last.

    A program that chooses at run time opens each to ask how well it would fit, and then the best.
    """
    found: dict[str, None] = {}
    for mapping in sorted(mappings, key=lambda m: m.since_ns):
        name = _file_name(mapping.path)
        if fnmatchcase(name, KERNEL_LIBRARY):
            found.pop(name, None)
            found[name] = None
    return tuple(found)


class Finder:
    """An inspection's functions by address."""

    def __init__(self, inspection: Inspection) -> None:
        self._functions = sorted(inspection.functions, key=lambda function: function.address)
        self._starts = [function.address for function in self._functions]
        self._order = group_names(inspection.architecture)

    def at(self, address: int) -> FunctionIsa | None:
        """Return the function that covers an address in the file."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        function = self._functions[index]
        return function if address < function.address + function.size else None

    def groups(self, function: FunctionIsa) -> tuple[str, ...]:
        """Return its ISA groups, lowest rank first."""
        return tuple(name for name in self._order if function.groups.get(name))


def _function(
    path: str, offset: int, finders: Mapping[str, Finder], folder: Path
) -> tuple[str, str, int, tuple[str, ...]]:
    """Library, name, address and groups of the function at a place."""
    library = _file_name(path)
    nothing = library, UNKNOWN, 0, ()
    image = read_image(path) if path else None
    address = image.address(offset) if image else None
    if image is None or address is None:
        return nothing
    if library in finders and is_the_inspected(Path(path), folder):
        function = finders[library].at(address)
        # Without symbols an inspection has whole sections, whose SIMD is not that of what ran.
        if function is None or function.name.startswith("."):
            return nothing
        return library, function.name, function.address, finders[library].groups(function)
    symbol = image.symbol(address)
    if symbol is None:
        return nothing
    return library, demangled(symbol.name), symbol.address, ()


def is_the_inspected(path: Path, folder: Path) -> bool:
    """A system's library of the same name must not pass for the build's own."""
    own = folder / path.name
    return not own.exists() or path.samefile(own)


def demangled(name: str) -> str:
    """Return the name as an inspection would have it."""
    try:
        return str(load_extension().demangled(name))
    except EnvironmentLacks:
        return name


def _file_name(path: str) -> str:
    return Path(path).name if path else UNKNOWN
