"""The instructions of one function one by one, each with the ISA groups that it needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.process import run
from llamabuild.types.profile import Instruction

from .architecture import ARCHITECTURES
from .disassembler import ENVIRONMENT, disassembler
from .scanner import new_scanner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINE = re.compile(r"\s*([0-9a-f]+):\t[0-9a-f ]+\t(.*)")
"""Address, bytes and text; lines with bytes alone go on with those of the line before."""
HEADER = "\nx.o:     file format any\n\n\nDisassembly of section .text:\n\n"
SECONDS = 60.0
TEXT_BYTES = 8 << 20


def listing(path: Path, architecture: str, start: int, size: int) -> tuple[Instruction, ...]:
    """Disassemble a stretch of a file.

    Args:
        path: A linked ELF file.
        architecture: One of :data:`~.architecture.ARCHITECTURES`.
        start: Address in the file, as symbols have it.
        size: In bytes.

    Raises:
        BadInput: objdump refuses the file, or there is no code at the place.
        EnvironmentLacks: There is no objdump for the architecture.
    """
    finished = run(
        [
            *(disassembler(architecture), "-d", "-w", *ARCHITECTURES[architecture].objdump),
            *(f"--start-address={start:#x}", f"--stop-address={start + size:#x}", "--", path),
        ],
        environment=ENVIRONMENT,
        timeout_seconds=SECONDS,
        output_limit=TEXT_BYTES,
    )
    found = read_listing(finished.stdout.splitlines(), architecture) if finished.ok else ()
    if not found:
        message = f"objdump shows no code at {start:#x} of '{path.name}'"
        raise BadInput(message, "" if finished.ok else finished.failure())
    return found


def read_listing(lines: Sequence[str], architecture: str) -> tuple[Instruction, ...]:
    """Return the instructions in objdump's text, which must be with their bytes."""
    found = [(line, match) for line in lines if (match := LINE.fullmatch(line))]
    scanner = new_scanner(architecture)
    scanner.feed(HEADER)
    for line, match in found:  # each as a function of its own, so that each is counted apart
        scanner.feed(f"{int(match[1], 16):016x} <f>:\n{line}\n")
    objects = scanner.finish()
    groups = {address: each for *_, functions in objects for _, address, _, _, _, each in functions}
    return tuple(
        Instruction(
            address=(address := int(match[1], 16)),
            text=" ".join(match[2].split()),
            groups=tuple(groups.get(address, ())),
        )
        for _, match in found
    )
