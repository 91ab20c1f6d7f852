from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

ISA_LISTED: int
ISA_EXEMPT: int
ISA_NO_VECTOR: int

def cpuid(leaf: int, subleaf: int = 0) -> tuple[int, int, int, int]: ...
def xcr0() -> int: ...
def hwcap() -> tuple[int, int]: ...
def isa_columns(architecture: str) -> tuple[tuple[str, ...], tuple[str, ...]]: ...

@final
class IsaScanner:
    def __init__(
        self,
        *,
        architecture: str,
        groups: Sequence[str],
        rules: Sequence[tuple[str, int, int, int]],
        otherwise: Sequence[int],
        every: Sequence[int],
        prefixes: Sequence[str],
        extents: Mapping[int, int] | None,
        file: int,
        code: Sequence[tuple[int, int, int]],
    ) -> None: ...
    def feed(self, text: str | bytes) -> None: ...
    def read(self, output: int, errors: int, timeout_seconds: float) -> bool: ...
    @property
    def complaints(self) -> str: ...
    # Of each object: name, format, has symbols, functions. Of each function: name, address, size,
    # instructions, vector instructions, instructions by group.
    def finish(
        self,
    ) -> list[tuple[str, str, bool, list[tuple[str, int, int, int, int, dict[str, int]]]]]: ...

# Formats: native/bindings/formats.cpp.

def formats() -> list[tuple[str, int, int, str | None]]: ...
def quantize(name: str, values: NDArray[np.float32], blocks: NDArray[np.uint8]) -> None: ...
def dequantize(name: str, blocks: NDArray[np.uint8], values: NDArray[np.float32]) -> None: ...
