"""The architectures whose machine code is known here."""

from __future__ import annotations

from typing import NamedTuple


class Architecture(NamedTuple):
    """How to find and read the machine code of an architecture."""

    machine: int
    """``e_machine`` in the ELF header."""
    data_file: str
    """ISA groups and their rules, in this folder."""
    objdump: tuple[str, ...]
    """Arguments that make objdump print the mnemonics of the data file."""
    package: str
    """Debian's package of objdump for it, on a machine of another architecture."""


ARCHITECTURES = {
    "x86_64": Architecture(62, "isa_x86.toml", ("-M", "intel"), "binutils-x86-64-linux-gnu"),
    "i386": Architecture(3, "isa_x86.toml", ("-M", "intel"), "binutils-i686-linux-gnu"),
    "aarch64": Architecture(183, "isa_aarch64.toml", (), "binutils-aarch64-linux-gnu"),
}
