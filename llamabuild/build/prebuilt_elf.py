"""What the headers of somebody else's program say, before anything is asked of a loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BadInput, EnvironmentLacks

if TYPE_CHECKING:
    from pathlib import Path

    from elftools.elf.elffile import ELFFile

MAGIC = b"\x7fELF"
ARCHITECTURES = {"EM_X86_64": "x86_64", "EM_386": "i386", "EM_AARCH64": "aarch64"}
DF_1_PIE = 0x0800_0000


class ElfHeader(NamedTuple):
    """The little that decides how a program is to be started."""

    architecture: str
    interpreter: str
    """Path of the dynamic loader; empty for a statically linked program and for a library."""
    library: bool
    """A shared library, which cannot be started by itself."""


def read_header(path: Path) -> ElfHeader:
    """Read an ELF file's headers; nothing of it is executed.

    Raises:
        BadInput: It is no ELF file, or is damaged.
        EnvironmentLacks: It cannot be read.
    """
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - slow to load
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                message = f"'{path.name}' is not an ELF file"
                raise BadInput(message, "name the program itself, not a script that starts it")
            return _header(ELFFile(file))
    except OSError as error:
        message = f"cannot read '{path.name}'"
        raise EnvironmentLacks(message, error.strerror or str(error)) from error
    except (ELFError, ValueError, OverflowError, KeyError, AttributeError, TypeError) as error:
        # What pyelftools raises on headers that point anywhere.
        message = f"'{path.name}' is cut off or damaged"
        raise BadInput(message, "copy or build it again") from error


def check_architecture(path: Path, architecture: str) -> ElfHeader:
    """Return the headers of a file whose code this machine can run.

    Raises:
        BadInput: As :func:`read_header`.
        EnvironmentLacks: It is for another architecture.
    """
    header = read_header(path)
    if header.architecture != architecture:
        message = f"'{path.name}' is for {header.architecture}; this machine is {architecture}"
        raise EnvironmentLacks(message)
    return header


def _header(elf: ELFFile) -> ElfHeader:
    from elftools.elf.dynamic import DynamicSegment  # noqa: PLC0415 - slow to load
    from elftools.elf.segments import InterpSegment  # noqa: PLC0415

    machine = str(elf["e_machine"])
    interpreter, pie = "", False
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            interpreter = str(segment.get_interp_name())
        elif isinstance(segment, DynamicSegment):
            pie = any(tag["d_val"] & DF_1_PIE for tag in segment.iter_tags("DT_FLAGS_1"))
    return ElfHeader(
        architecture=ARCHITECTURES.get(machine, machine.removeprefix("EM_").lower()),
        interpreter=interpreter,
        library=elf["e_type"] == "ET_DYN" and not interpreter and not pie,
    )
