"""What the dynamic loader would give a program, asked of the loader itself.

With ``LD_TRACE_LOADED_OBJECTS`` glibc's loader, called by its own name, maps the program and its
libraries, says where it found each, and ends before any of their code runs. ``LD_BIND_NOW`` and
``LD_WARN`` make it look up every symbol, too. See ld.so(8); ldd does the same.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.process import run, tool_path

TRACE = ("LC_ALL=C", "LD_TRACE_LOADED_OBJECTS=1")
SYMBOLS = ("LD_WARN=1", "LD_BIND_NOW=1")
SEARCH = "LD_LIBRARY_PATH="
OPENED = ("LC_ALL=C", "LD_DEBUG=files")
SECONDS = 30.0
OUTPUT_BYTES = 1 << 20
LIBRARY = re.compile(r"\t(?P<name>\S+) => (?P<path>not found|/.*?)(?: \(0x[0-9a-f]+\))?")
UNDEFINED = re.compile(r"undefined symbol: (\S+)|symbol (\S+) version \S+ not defined")
VERSION = re.compile(r"version `([^']+)' not found")
DYNAMIC = re.compile(r"\tfile=(/.*?) \[\d+\];  dynamically loaded by ")
GLIBC_LOADER = re.compile(r"ld-linux[\w.-]*\.so\.\d+")


class Loaded(NamedTuple):
    """The loader's answer."""

    libraries: dict[str, Path]
    """By the name that is asked for, in the order of loading; the loader itself is left out."""
    absent: tuple[str, ...]
    """Names of libraries that were not found."""
    versions: tuple[str, ...]
    """Symbol versions, such as ``GLIBC_2.38``, that the libraries here don't have."""
    undefined: tuple[str, ...]
    """Symbols that no library has."""


def loaded(program: Path, interpreter: str, search: str = "", *, symbols: bool = False) -> Loaded:
    """Ask where the libraries of a dynamically linked program are, and what is missing.

    Args:
        program: An ELF program for this machine's architecture.
        interpreter: The loader that its headers name.
        search: As ``LD_LIBRARY_PATH``.
        symbols: Look up all symbols, too, for a program that finds all its libraries; the loader
            of a program that does not may crash over it.

    Raises:
        EnvironmentLacks: The loader is not here.
        BadInput: It is not glibc's, or it refuses the program.
    """
    name = Path(interpreter).name
    if not Path(interpreter).is_file():
        message = f"'{program.name}' needs the loader {name}, which is not here"
        raise EnvironmentLacks(message)
    if not GLIBC_LOADER.fullmatch(name):
        message = f"'{program.name}' names '{name}' as its loader"
        raise BadInput(message, "only programs of glibc's loader can be taken")
    variables = (*TRACE, SEARCH + search, *(SYMBOLS if symbols else ()))
    # By env, as these variables are for the loader alone and not for what starts it.
    finished = run(
        [tool_path("env", "install coreutils"), *variables, interpreter, program],
        closed=True,
        timeout_seconds=SECONDS,
        output_limit=OUTPUT_BYTES,
    )
    found = {m["name"]: m["path"] for m in map(LIBRARY.fullmatch, finished.stdout.split("\n")) if m}
    versions = tuple(dict.fromkeys(VERSION.findall(finished.stderr)))
    if not finished.ok and not versions:
        message = f"the loader refuses '{program.name}': it {finished.failure()}"
        raise BadInput(message)
    return Loaded(
        libraries={n: Path(path) for n, path in found.items() if path != "not found"},
        absent=tuple(name for name, path in found.items() if path == "not found"),
        versions=versions,
        undefined=tuple(
            dict.fromkeys(first or second for first, second in UNDEFINED.findall(finished.stderr))
        ),
    )


def opened_at_start(program: Path, search: str) -> tuple[Path, ...]:
    """Return the libraries that a program opens by itself when it is asked for its help text.

    It is run for that; empty where it dies before, or has another loader than glibc's.
    """
    finished = run(
        [tool_path("env", "install coreutils"), *OPENED, SEARCH + search, program, "--help"],
        closed=True,
        timeout_seconds=SECONDS,
        output_limit=OUTPUT_BYTES,
    )
    return tuple(Path(path) for path in dict.fromkeys(DYNAMIC.findall(finished.stderr)))


def complaint(answer: Loaded) -> str:
    """Say in one clause what is missing, or return the empty string."""
    if answer.absent:
        verb = "is" if len(answer.absent) == 1 else "are"
        return f"needs {', '.join(answer.absent)}, which {verb} not here"
    if answer.versions:
        return f"needs {', '.join(answer.versions)}, which the libraries here don't have"
    if answer.undefined:
        more = f" and {len(answer.undefined) - 1} more" if len(answer.undefined) > 1 else ""
        return f"needs the symbol {answer.undefined[0]}{more}, which its libraries don't have"
    return ""
