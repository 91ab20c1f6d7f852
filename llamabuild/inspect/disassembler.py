"""Run objdump as a stream: started early, read natively, bounded in time and memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.process import started

from .architecture import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .elf import ElfFacts

BASE_SECONDS = 60.0
BYTES_PER_SECOND = 250_000
"""A tenth of what objdump does on a slow machine."""
EXIT_POLLS, EXIT_POLL_SECONDS = 2000, 0.001
PIPE_BYTES = 1 << 20
BASE_MEMORY_BYTES = 4 << 30
WITHOUT_BYTES = ("--no-show-raw-insn",)
"""Printing bytes is a quarter of objdump's work; where addresses are unique the file has them."""
ENVIRONMENT = {"LC_ALL": "C", "DEBUGINFOD_URLS": ""}


class ScannedObject(NamedTuple):
    """One object file in objdump's output."""

    name: str
    format: str
    symbols: bool
    """At least one function has its name."""
    functions: list[tuple[str, int, int, int, int, dict[str, int]]]
    """Name, address, size, instructions, vector instructions, groups."""


def scan(path: Path, name: str, facts: ElfFacts) -> list[ScannedObject]:
    """Disassemble a file and count its instructions.

    Args:
        path: An ELF file or an archive.
        name: What the file is called in errors.
        facts: What its headers say.

    Raises:
        BadInput: objdump refuses the file or does not finish in time.
        EnvironmentLacks: There is no objdump for the architecture.
    """
    size = path.stat().st_size
    seconds = BASE_SECONDS + size / BYTES_PER_SECOND
    architecture = facts.architecture
    options = (*ARCHITECTURES[architecture].objdump, *(WITHOUT_BYTES if facts.code else ()))
    argv: Sequence[str | Path] = (disassembler(architecture), "-d", "-w", *options, "--", path)
    with started(argv, environment=ENVIRONMENT) as child, path.open("rb") as file:
        assert child.stdout is not None
        assert child.stderr is not None
        _widen(child.stdout.fileno())
        _bound_memory(child.pid, BASE_MEMORY_BYTES + 16 * size)
        # Imported here, as objdump works meanwhile.
        from .scanner import new_scanner  # noqa: PLC0415

        scanner = new_scanner(
            architecture, extents=facts.extents, file=file.fileno(), code=facts.code
        )
        try:
            finished = scanner.read(child.stdout.fileno(), child.stderr.fileno(), seconds)
        except ValueError as error:
            message = f"'{name}' was not inspected to its end ({error})"
            raise BadInput(message, "the file is damaged") from error
        if not finished or (status := _status(child.poll)) is None:
            message = f"objdump did not finish '{name}' within {seconds:.0f} s"
            raise BadInput(message, "the file is damaged, or this machine is overloaded")
    objects = [ScannedObject(*found) for found in scanner.finish()]
    if status != 0 or not objects:
        raise _refusal(name, architecture, scanner.complaints)
    return objects


def _status(poll: Callable[[], int | None]) -> int | None:
    """Exit code of a program that has closed its output; None if it goes on all the same."""
    for _ in range(EXIT_POLLS):
        if (status := poll()) is not None:
            return status
        time.sleep(EXIT_POLL_SECONDS)
    return None


def disassembler(architecture: str) -> str:
    """Find objdump: the machine's own for its own code, else the cross tool if there is one.

    Raises:
        EnvironmentLacks: There is none.
    """
    names = [f"{architecture}-linux-gnu-objdump", "objdump"]
    if _native(architecture):
        names.reverse()
    for name in names:
        if found := shutil.which(name):
            return found
    message = "'objdump' was not found on PATH"
    raise EnvironmentLacks(message, "install binutils (apt-get install binutils)")


def _native(architecture: str) -> bool:
    machine = os.uname().machine
    return architecture == machine or (architecture, machine) == ("i386", "x86_64")


def _widen(pipe: int) -> None:
    """Let objdump work on while we load; a refusal costs only time."""
    import fcntl  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _bound_memory(pid: int, limit: int) -> None:
    """Hostile headers make objdump allocate without end; where limits exist, set one."""
    import resource  # noqa: PLC0415

    with contextlib.suppress(OSError, ValueError, AttributeError):
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def _refusal(name: str, architecture: str, complaints: str) -> BadInput | EnvironmentLacks:
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    said = lines[-1].rpartition(": ")[2] if lines else "it printed nothing"
    if "UNKNOWN" in complaints or (not _native(architecture) and "format" in said):
        message = f"objdump here cannot disassemble {architecture} code ('{name}')"
        package = ARCHITECTURES[architecture].package
        return EnvironmentLacks(message, f"install {package} or binutils-multiarch")
    return BadInput(f"objdump cannot read '{name}'", said)
