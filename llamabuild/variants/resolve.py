"""``extends``: from a file and its ancestors to one variant, and who set what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.variant import (
    Allocator,
    Expectation,
    Flags,
    Optimize,
    Requires,
    Runtime,
    Toolchain,
    Variant,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .file import FlagsTable, VariantFile

JOINED = frozenset(
    {
        *("requires.cpu", "requires.tools", "requires.libraries", "requires.source_files"),
        "runtime.environment",
    }
)
"""Keys whose values are always added to the parent's; flags have a rule of their own."""
EMPTY: tuple[object, ...] = (None, {}, [], ())
NOT_INHERITED = frozenset({"extends", "kind"})

D = TypeVar("D", Toolchain, Optimize, Allocator)


@dataclass(frozen=True, slots=True)
class Layered:
    """A file and the label by which people know it."""

    label: str
    file: VariantFile


Files = dict[str, tuple[Layered, ...]]


@dataclass(frozen=True, slots=True)
class Link:
    """One file of a chain of ``extends``."""

    name: str
    """The variant that it belongs to."""
    layer: Layered


def chain_of(name: str, files: Files) -> tuple[Link, ...]:
    """Return the file of ``name`` first, then its parents.

    A file that extends its own name refers to the layer below it (the shipped file of that
    name), so that a user can change one key of a shipped variant.

    Raises:
        BadInput: A cycle, or an ancestor that does not exist.
    """
    chain: list[Link] = []
    seen: dict[tuple[str, int], str] = {}
    depth = len(files[name]) - 1
    while True:
        layer = files[name][depth]
        if (name, depth) in seen:
            message = f"{layer.label}: 'extends' goes round in a circle: "
            raise BadInput(message + " → ".join([*seen.values(), name]))
        seen[name, depth] = name
        chain.append(Link(name, layer))
        parent = layer.file.extends
        if parent is None:
            return tuple(chain)
        if parent == name and depth > 0:
            depth -= 1
            continue
        if parent not in files:
            message = f"{layer.label}: extends unknown variant '{parent}'"
            raise BadInput(message, did_you_mean(parent, files))
        name, depth = parent, len(files[parent]) - 1


def kind_of(name: str, files: Files) -> str:
    """Return the kind of a variant: that of its topmost file that names one, else ``own``."""
    kinds = (layer.file.kind for layer in reversed(files[name]))
    return next((kind for kind in kinds if kind is not None), "own")


def merged(start: Variant, links: Iterable[Link]) -> Variant:
    """Put files, the lowest first, on top of a variant."""
    variant = start
    for link in links:
        variant = _apply(variant, link.layer)
    return variant


def _apply(parent: Variant, layer: Layered) -> Variant:
    """One file on top of what it inherits."""
    file = layer.file
    cmake = {key: _cmake_value(value) for key, value in file.cmake.items()}
    requires = Requires(
        architecture=file.requires.architecture or parent.requires.architecture,
        cpu=union(parent.requires.cpu, file.requires.cpu),
        tools=union(parent.requires.tools, file.requires.tools),
        libraries=union(parent.requires.libraries, file.requires.libraries),
        source_files=union(parent.requires.source_files, file.requires.source_files),
    )
    runtime = Runtime(
        environment={**parent.runtime.environment, **file.runtime.environment},
        bench=parent.runtime.bench if file.runtime.bench is None else file.runtime.bench,
        launcher=(
            parent.runtime.launcher if file.runtime.launcher is None else file.runtime.launcher
        ),
        threads={**parent.runtime.threads, **(file.runtime.threads or {})},
        program=file.runtime.program or parent.runtime.program,
        mode=file.runtime.mode or parent.runtime.mode,
        quantization=file.runtime.quantization or parent.runtime.quantization,
    )
    expect = parent.expect
    if file.expect is not None:
        expect = tuple(
            Expectation(binary=e.binary, function=e.function, require=e.require, forbid=e.forbid)
            for e in file.expect
        )
    return Variant(
        name=parent.name,
        description=file.description,
        source=file.source or parent.source,
        toolchain=_with(parent.toolchain, file.toolchain),
        cmake={**parent.cmake, **cmake},
        flags=_join(parent.flags, file.flags),
        optimize=_with(parent.optimize, file.optimize),
        allocator=_with(parent.allocator, file.allocator),
        conflicts={**parent.conflicts, **file.conflicts},
        requires=requires,
        runtime=runtime,
        expect=expect,
        origins=_origins(parent.origins, layer),
    )


def _with(parent: D, table: msgspec.Struct) -> D:
    """The parent's values, but for those that the table sets."""
    own = {key: value for key, value in msgspec.structs.asdict(table).items() if value is not None}
    return msgspec.structs.replace(parent, **own)


def _join(parent: Flags, table: FlagsTable) -> Flags:
    def joined(inherited: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
        if table.inherit == "none":
            return own
        return inherited + own if table.inherit == "append" else own + inherited

    return Flags(
        c=joined(parent.c, table.c),
        cxx=joined(parent.cxx, table.cxx),
        link=joined(parent.link, table.link),
    )


def union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of both, each once."""
    return tuple(dict.fromkeys((*first, *second)))


def _cmake_value(value: bool | int | str) -> str:  # noqa: FBT001 - a TOML value, not a switch
    return ("ON" if value else "OFF") if isinstance(value, bool) else str(value)


def _origins(inherited: dict[str, str], layer: Layered) -> dict[str, str]:
    """Who set what, with one more file: where values are joined, every file in their order."""
    flags = layer.file.flags
    origins = dict(inherited)
    if flags.inherit == "none":
        cleared = [key for key in origins if key.startswith("flags.")]
        origins.update(dict.fromkeys(cleared, layer.label))
    for key in _keys(layer.file):
        is_flag = key.startswith("flags.")
        files = [layer.label]
        if key in origins and (key in JOINED or (is_flag and flags.inherit != "none")):
            files.insert(1 if is_flag and flags.inherit == "prepend" else 0, origins[key])
        origins[key] = ", ".join(files)
    return origins


def _keys(file: VariantFile) -> list[str]:
    """Dotted names of the keys that a file sets."""
    keys: list[str] = []
    for key, value in msgspec.to_builtins(file).items():
        if value in EMPTY or key in NOT_INHERITED:
            continue
        if not isinstance(value, dict):
            keys.append(key)
            continue
        keys += [f"{key}.{k}" for k, v in value.items() if v not in EMPTY and k != "inherit"]
    return keys
