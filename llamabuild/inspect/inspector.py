"""From a file to its inspections."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput

from .container import binaries
from .disassembler import scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llamabuild.types.inspection import Inspection

    from .container import Binary


def inspect_file(path: Path) -> tuple[Inspection, ...]:
    """Count the instructions of each ISA group in a file, function by function.

    A function reaches from its label to the next one; of several names for one address objdump
    picks one. Stubs of the procedure linkage table count for their section, and so does code
    without a symbol in stripped files.

    Args:
        path: ELF executable, library or object; archive; or wheel.

    Returns:
        One inspection for each ELF file in it, members of an archive included.

    Raises:
        BadInput: The file can't be read, is damaged, or holds no machine code that is known.
        EnvironmentLacks: There is no objdump for its architecture.
    """
    with closing(binaries(path)) as found:
        return tuple(inspection for binary in found for inspection in _inspections(binary))


def _inspections(binary: Binary) -> Iterator[Inspection]:
    facts = binary.facts
    objects = scan(binary.path, binary.name, facts)
    # Imported here, as objdump should start before the rest of the package is loaded.
    from .records import inspection_of  # noqa: PLC0415

    formats = {scanned.format for scanned in objects}
    if len(formats) > 1:
        message = f"'{binary.name}' mixes architectures ({', '.join(sorted(formats))})"
        raise BadInput(message, "inspect its members one by one")
    for scanned in objects:
        yield inspection_of(
            f"{binary.name}({scanned.name})" if binary.archive else binary.name,
            facts.architecture,
            scanned,
            stripped=not scanned.symbols if binary.archive else facts.stripped,
        )
