"""What can answer malloc in place of libc: where it is, and how it comes into a program."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.types.base import Data

from .libraries import find_library

if TYPE_CHECKING:
    from llamabuild.types.variant import Allocator

GLIBC = "glibc"
PRELOAD, LINK = "preload", "link"


class AllocatorEntry(Data, frozen=True, kw_only=True):
    """One allocator of ``allocators.toml``."""

    summary: str
    library: str = ""
    bundled: str = ""
    environment: dict[str, str] = {}
    huge: bool = False

    @property
    def is_library(self) -> bool:
        """It is a file of its own, other than libc."""
        return bool(self.library or self.bundled)


class Link(Data, frozen=True, kw_only=True):
    """How the linker is told to put an allocator into a program."""

    library: Path
    """What to link, by its path; the program then needs it by its soname."""
    before: tuple[str, ...] = ("-Wl,--push-state,--no-as-needed",)
    """Stands before the path: needed even if no symbol of the program asks for it by then."""
    after: tuple[str, ...] = ("-Wl,--pop-state",)
    carried: bool
    """The file is not the system's: a copy belongs beside the programs, whose RUNPATH finds it."""

    @property
    def flags(self) -> tuple[str, ...]:
        """All that comes first among the flags that link a program."""
        return (*self.before, str(self.library), *self.after)


@cache
def allocator_table() -> dict[str, AllocatorEntry]:
    """Return all allocators that are known, by name."""
    text = resources.files(__package__).joinpath("allocators.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, AllocatorEntry])


def allocator_entry(name: str) -> AllocatorEntry:
    """Return what is known of an allocator.

    Raises:
        BadInput: There is none of that name.
    """
    table = allocator_table()
    if name not in table:
        message = f"unknown allocator '{name}'"
        raise BadInput(message, did_you_mean(name, table) or f"known: {', '.join(table)}")
    return table[name]


def allocator_library(name: str) -> Path:
    """Return the absolute path of an allocator's shared library.

    Raises:
        BadInput: Unknown, or libc's own, which is no library apart.
        EnvironmentLacks: It is not there; the remedy says what to install.
    """
    entry = allocator_entry(name)
    if entry.library:
        return find_library(entry.library)
    if not entry.bundled:
        message = f"'{name}' is the C library's own allocator"
        raise BadInput(message, "it needs neither preloading nor linking")
    found = next((path for path in _beside_us(entry.bundled) if path.is_file()), None)
    if found is None:
        message = f"{entry.bundled} is not part of this installation (it needs glibc)"
        remedy = "build it with 'python -m pip install .' in the folder of pyproject.toml"
        raise EnvironmentLacks(message, remedy)
    return found


def allocator_environment(allocator: Allocator) -> dict[str, str]:
    """Return what must be set for a program to use the allocator; nothing for libc's own.

    Raises:
        BadInput: Unknown.
        EnvironmentLacks: Its library is not there.
    """
    if not allocator.name:
        return {}
    entry = allocator_entry(allocator.name)
    if allocator.how != PRELOAD or not entry.is_library:
        return dict(entry.environment)
    return {"LD_PRELOAD": str(allocator_library(allocator.name)), **entry.environment}


def allocator_link(allocator: Allocator) -> Link | None:
    """Return how to link an allocator into programs; None if that is not how it comes in.

    Raises:
        BadInput: Unknown.
        EnvironmentLacks: Its library is not there.
    """
    if allocator.how != LINK or not allocator_entry(allocator.name).is_library:
        return None
    carried = bool(allocator_entry(allocator.name).bundled)
    return Link(library=allocator_library(allocator.name), carried=carried)


def _beside_us(file: str) -> list[Path]:
    """Candidates, the likeliest first; an editable installation has compiled files elsewhere."""
    spec = find_spec("llamabuild")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    native = find_spec("llamabuild._native")
    if native is not None and native.origin:
        folders.insert(0, str(Path(native.origin).parent))
    return [Path(folder).absolute() / file for folder in folders]
