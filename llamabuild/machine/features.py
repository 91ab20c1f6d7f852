"""CPU features by name, from what the hardware says and what the operating system saves."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from llamabuild.types.base import Data

Register = Literal["eax", "ebx", "ecx", "edx"]
REGISTERS: tuple[Register, ...] = ("eax", "ebx", "ecx", "edx")

Cpuid = Callable[[int, int], tuple[int, int, int, int]]
"""``cpuid(leaf, subleaf)`` returns EAX, EBX, ECX and EDX."""


class X86Bit(Data, frozen=True, kw_only=True):
    """Where CPUID says that a feature is there."""

    leaf: int
    subleaf: int = 0
    register: Register
    bit: int
    state: str = ""
    """Name of the register state that the system must save; empty when none is needed."""


class ArmBit(Data, frozen=True, kw_only=True):
    """Where the kernel's auxiliary vector says that a feature is there."""

    word: Literal["hwcap", "hwcap2"]
    bit: int


class Feature(Data, frozen=True, kw_only=True):
    """One feature; it belongs to x86 or to ARM."""

    name: str
    description: str
    cpuinfo: str
    archspec: str = ""
    """Empty where archspec uses the word of ``/proc/cpuinfo``."""
    x86: X86Bit | None = None
    arm: ArmBit | None = None


class FeatureTable(Data, frozen=True, kw_only=True):
    """``features.toml``."""

    x86_states: dict[str, int]
    feature: tuple[Feature, ...]


@cache
def feature_table() -> FeatureTable:
    """Return all features that have a name here."""
    text = resources.files(__package__).joinpath("features.toml").read_bytes()
    return msgspec.toml.decode(text, type=FeatureTable)


def x86_features(cpuid: Cpuid, xcr0: int) -> tuple[str, ...]:
    """Return the names of the features that can be used, sorted.

    Args:
        cpuid: The CPUID instruction, or a recording of it.
        xcr0: Register states that the system saves; a feature whose state is not saved is left
            out although the CPU has it, because its registers would not survive a task switch.
    """
    table = feature_table()
    found = []
    for feature in table.feature:
        if (where := feature.x86) is None:
            continue
        value = cpuid(where.leaf, where.subleaf)[REGISTERS.index(where.register)]
        needed = table.x86_states[where.state] if where.state else 0
        if value >> where.bit & 1 and xcr0 & needed == needed:
            found.append(feature.name)
    return tuple(sorted(found))


def arm_features(hwcap: int, hwcap2: int) -> tuple[str, ...]:
    """Return the names of the features that the kernel offers, sorted."""
    words = {"hwcap": hwcap, "hwcap2": hwcap2}
    return tuple(
        sorted(
            feature.name
            for feature in feature_table().feature
            if feature.arm is not None and words[feature.arm.word] >> feature.arm.bit & 1
        )
    )
