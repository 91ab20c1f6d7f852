"""From a file to its inspections."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks

from .container import binaries, facts_of
from .disassembler import scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llamabuild.types.inspection import Inspection

    from .container import Binary, OnSkip


def _ignore(_name: str, _reason: str) -> None:
    """Nobody asked."""


def inspect_file(path: Path, on_skip: OnSkip = _ignore) -> tuple[Inspection, ...]:
    """Count the instructions of each ISA group in a file, function by function.

    A function reaches from its label to the next one; of several names for one address objdump
    picks one. Stubs of the procedure linkage table count for their section, and so does code
    without a symbol in stripped files.

    Args:
        path: ELF executable, library or object; archive, thin or not; or wheel.
        on_skip: Told of each member of a wheel or a thin archive that can't be inspected.

    Returns:
        One inspection for each ELF file in it, members of an archive included.

    Raises:
        BadInput: The file can't be read, is damaged, or holds no machine code that is known; of a
            container, none that can be inspected.
        EnvironmentLacks: There is no objdump for its architecture.
    """
    inspections: list[Inspection] = []
    refused: BadInput | EnvironmentLacks | None = None
    with closing(binaries(path, on_skip)) as found:
        for binary in found:
            try:
                inspections.extend(_inspections(binary))
            except (BadInput, EnvironmentLacks) as error:
                if not binary.member:
                    raise
                refused = refused or error
                on_skip(binary.name, str(error))
    if refused is not None and not inspections:
        raise refused
    return tuple(inspections)


def _inspections(binary: Binary) -> Iterator[Inspection]:
    facts = facts_of(binary)
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
