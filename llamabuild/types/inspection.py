"""Which SIMD a binary's machine code uses."""

from __future__ import annotations

from .base import Data
from .variant import Expectation


class FunctionIsa(Data, frozen=True, kw_only=True):
    """One function. Sections stand in for functions in stripped files."""

    name: str
    """Demangled."""
    address: int
    size: int
    """Bytes of decoded instructions."""
    instructions: int
    vector: int
    """Instructions that work on vector registers or are in any SIMD group."""
    groups: dict[str, int]
    """Instructions by ISA group; one instruction counts in each group its encoding needs."""


class Inspection(Data, frozen=True, kw_only=True):
    """One binary."""

    file: str
    """File name without folders; ``archive(member)`` for members."""
    architecture: str
    """``x86_64``, ``aarch64`` or what the ELF header names."""
    instructions: int
    vector: int
    highest: str
    """The highest ISA group found, ``none`` without SIMD."""
    groups: dict[str, int]
    functions: tuple[FunctionIsa, ...]
    stripped: bool


class ExpectationResult(Data, frozen=True, kw_only=True):
    """One expectation held against one or more inspections."""

    expectation: Expectation
    passed: bool
    missing: tuple[str, ...]
    """Required groups that no matching function has."""
    present: dict[str, str]
    """Forbidden group to the first function that has it."""
    reason: str
    """One sentence; empty when passed."""
