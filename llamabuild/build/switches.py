"""The facts of ``switches.toml``, typed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec


class Unity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a known tree's llama-common can be compiled in large units."""

    exclude: tuple[str, ...]


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPU seconds of a build by how much it compiles."""

    everything_cpu_seconds: float
    libraries_cpu_seconds: float
    kernels_cpu_seconds: float
    program_cpu_seconds: float
    instrumented_cpu_seconds: float
    bolt_cpu_seconds: float


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every build has in common."""

    targets: tuple[str, ...]
    libraries: tuple[str, ...]
    decode: str
    cmake: dict[str, str]
    environment: dict[str, dict[str, str]]
    unity: dict[str, Unity]
    estimate: Estimate


HARNESS = Path(__file__).with_name("harness.cmake")


@cache
def switches() -> Switches:
    """Return the shipped facts."""
    data = Path(__file__).with_name("switches.toml").read_bytes()
    return msgspec.toml.decode(data, type=Switches)
