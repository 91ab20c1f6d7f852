"""What a build of ggml needs of a CPU, and what it leaves unused, by its machine code."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.inspection import FunctionIsa, Inspection
    from llamabuild.types.machine import Cpu

DISPATCHED = "libggml-cpu-*"
"""Names of the libraries among which ggml chooses one when it starts."""


class Groups(Data, frozen=True, forbid_unknown_fields=True):
    """Of one architecture."""

    matter: tuple[str, ...]
    needed: tuple[str, ...]
    covered_by: dict[str, str]


class Functions(Data, frozen=True, forbid_unknown_fields=True):
    """Patterns of names."""

    kernels: tuple[str, ...]
    guarded: tuple[str, ...]


class Facts(Data, frozen=True, forbid_unknown_fields=True):
    """``ggml_features.toml``."""

    x86_64: Groups
    aarch64: Groups
    functions: Functions

    def groups(self, architecture: str) -> Groups | None:
        """Return the groups of an architecture, None for one without data."""
        return {"x86_64": self.x86_64, "aarch64": self.aarch64}.get(architecture)


class CpuFit(Data, frozen=True, kw_only=True):
    """How a build's kernels and a CPU go together."""

    lacking: tuple[str, ...]
    """Groups that the kernels use without asking and this CPU lacks; they cannot run."""
    where: str
    """A function that uses the first of them; empty without one."""
    missing: tuple[str, ...]
    """Groups that matter to ggml and that this CPU has, but the kernels don't use."""


@cache
def facts() -> Facts:
    """Return the shipped table."""
    data = Path(__file__).with_name("ggml_features.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def cpu_fit(inspections: Sequence[Inspection], cpu: Cpu) -> CpuFit:
    """Hold the machine code of ggml's kernels against a CPU.

    Libraries between which ggml chooses at run time count as the best that this CPU can load:
    something is lacking only when none can be loaded.

    Args:
        inspections: Of the files with the kernels.
        cpu: Its features are named like the groups.
    """
    table = facts().groups(cpu.architecture)
    if table is None or not inspections:
        return CpuFit(lacking=(), where="", missing=())
    members = [i for i in inspections if fnmatchcase(i.file, DISPATCHED)]
    candidates = [[member] for member in members] or [list(inspections)]
    fits = [_fit(files, cpu, table) for files in candidates]
    loadable = [fit for fit in fits if not fit.lacking]
    return min(loadable or fits, key=lambda fit: (len(fit.lacking), len(fit.missing)))


def _fit(inspections: Sequence[Inspection], cpu: Cpu, table: Groups) -> CpuFit:
    found: dict[str, str] = {}
    for inspection in inspections:
        for function in _kernels(inspection):
            for group in function.groups:
                found.setdefault(group, function.name)
    lacking = tuple(
        group
        for group in table.needed
        if group in found and group not in cpu.features and _certain(inspections)
    )
    missing = tuple(
        group
        for group in table.matter
        if group in cpu.features and group not in found and table.covered_by.get(group) not in found
    )
    return CpuFit(lacking=lacking, where=found[lacking[0]] if lacking else "", missing=missing)


def _kernels(inspection: Inspection) -> tuple[FunctionIsa, ...]:
    names = facts().functions
    whole = _is_library(inspection) or inspection.stripped
    return tuple(
        function
        for function in inspection.functions
        if not _matches(function.name, names.guarded)
        and (whole or _matches(function.name, names.kernels))
    )


def _certain(inspections: Sequence[Inspection]) -> bool:
    """In a stripped program nothing tells a kernel from a dispatched function of the C library."""
    return all(_is_library(each) or not each.stripped for each in inspections)


def _is_library(inspection: Inspection) -> bool:
    return ".so" in inspection.file


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
