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
def demangled(name: str) -> str: ...
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

# Kernels: native/bindings/kernels.cpp and timing.cpp.

def kernel_isas() -> list[tuple[str, str, str]]: ...  # name, description, features

# Format, shape, instruction set, rows a panel, symbol, address.
def kernels() -> list[tuple[str, str, str, int, str, int]]: ...
def kernel_packings() -> list[tuple[str, int]]: ...
def file_at(address: int) -> str: ...
def run_vec_dot(
    address: int, format_name: str, weights: NDArray[np.uint8], activation: NDArray[np.uint8]
) -> NDArray[np.float32]: ...
def run_gemm(
    address: int,
    format_name: str,
    panel_rows: int,
    packed: NDArray[np.uint8],
    activations: NDArray[np.uint8],
    rows: int,
) -> NDArray[np.float32]: ...
def pack_rows(
    format_name: str, panel_rows: int, rows: NDArray[np.uint8], packed: NDArray[np.uint8]
) -> None: ...
def unpack_rows(
    format_name: str, panel_rows: int, packed: NDArray[np.uint8], rows: int, length: int
) -> NDArray[np.uint8]: ...

@final
class PlacedWeights:
    def __init__(
        self,
        pattern: NDArray[np.uint8],
        bytes_per_thread: int,
        cpus: Sequence[int],
        huge_pages: bool = False,
    ) -> None: ...
    @property
    def bytes_per_thread(self) -> int: ...
    @property
    def cpus(self) -> list[int]: ...
    @property
    def huge_pages(self) -> bool: ...

def time_kernel(
    shape: str,
    address: int,
    format_name: str,
    length: int,
    rows: int,
    columns: int,
    panel_rows: int,
    weights: PlacedWeights,
    activations: NDArray[np.uint8],
    min_seconds: float = 2e-4,
    samples: int = 1,
    warm: bool = True,
) -> list[float]: ...  # wall seconds of one pass

# Probes of the machine's limits: loops over memory and arithmetic, timed by threads of their own.
PROBE_SLACK_BYTES: int

# Of each loop: name, instruction set, features separated by spaces, width in bits, streams.
def probe_loops() -> tuple[tuple[str, str, str, int, int], ...]: ...
def probe_units(loop: int, size_bytes: int) -> int: ...
def probe_clock(cpu: int, additions: int, samples: int) -> list[tuple[float, int]]: ...

class ProbeTeam:
    def __init__(
        self, *, cpus: Sequence[int], size_bytes: int, pages: str, file: int = -1, node: int = -1
    ) -> None: ...
    def prepare(self, chase: bool) -> bool: ...
    def run(
        self, loop: int, size: int, passes: int, samples: int, warm: bool
    ) -> list[tuple[float, bool]]: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def extents(self) -> list[tuple[int, int]]: ...
