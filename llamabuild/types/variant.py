"""A variant: a named build configuration and the runtime settings that belong to it."""

from __future__ import annotations

from .base import Data

CMAKE_FALSE = frozenset({"", "0", "OFF", "NO", "FALSE", "N", "IGNORE", "NOTFOUND"})
"""What CMake takes as false, in capitals."""


INSTRUCTION_SETS = frozenset(
    {
        *(
            "GGML_NATIVE",
            "GGML_SSE42",
            "GGML_AVX",
            "GGML_AVX2",
            "GGML_BMI2",
            "GGML_FMA",
            "GGML_F16C",
        ),
        *(
            "GGML_AVX_VNNI",
            "GGML_AVX512",
            "GGML_AVX512_VBMI",
            "GGML_AVX512_VNNI",
            "GGML_AVX512_BF16",
        ),
        *("GGML_AMX_TILE", "GGML_AMX_INT8", "GGML_AMX_BF16", "GGML_CPU_ARM_ARCH"),
    }
)
"""ggml's CMake switches for them."""


class Flags(Data, frozen=True, kw_only=True):
    """Compiler and linker flags, one argument each."""

    c: tuple[str, ...] = ()
    cxx: tuple[str, ...] = ()
    link: tuple[str, ...] = ()


class Toolchain(Data, frozen=True, kw_only=True):
    """Compiler commands; empty means CMake's own choice (``cc``, ``c++``)."""

    c: str = ""
    cxx: str = ""


class Requires(Data, frozen=True, kw_only=True):
    """What the machine and the source must have for the variant to mean something there."""

    architecture: str = ""
    cpu: tuple[str, ...] = ()
    """CPU features, named like the ISA groups."""
    tools: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    """Names of ``machine/libraries.toml``, such as ``openblas``."""
    source_files: tuple[str, ...] = ()
    """Files that its source tree must have, or what it sets would mean nothing there."""


class Optimize(Data, frozen=True, kw_only=True):
    """What is done to ggml and the decode part of libllama; the rest of the tree stays as it is.

    The hot code is there (``decode`` in ``build/switches.toml``), and a variant compiles only what
    its flags change.
    """

    level: str = ""
    """Of ``-O``: ``2``, ``3`` or ``fast``; empty is upstream's own, 3."""
    lto: str = ""
    """``default`` (thin for clang, parallel for gcc), ``full`` or ``thin``; empty: none."""
    pgo: bool = False
    """Profile-guided: instrument, train, use."""
    bolt: bool = False
    """Rewrite libggml-cpu and libllama by an instrumented run, with llvm-bolt."""


class Allocator(Data, frozen=True, kw_only=True):
    """What answers malloc, and how it comes into the process."""

    name: str = ""
    """Of ``machine/allocators.toml``; empty: libc's own."""
    how: str = ""
    """``preload`` (run time) or ``link`` (build time)."""


class Runtime(Data, frozen=True, kw_only=True):
    """How the variant is run."""

    environment: dict[str, str] = {}
    bench: tuple[str, ...] = ()
    """Further arguments of llama-bench."""
    threads: dict[str, int] = {}
    """Numbers of threads by kind of workload, before any other: servers have one for prompts and
    one for generation."""
    launcher: tuple[str, ...] = ()
    """What starts the program, such as ``taskset -c 0``; it takes the program's place by exec."""
    program: str = ""
    """What trials run instead of llama-bench, such as ``llama-batched-bench``."""
    mode: str = ""
    """How that program is asked; what it means is the program's driver's business."""
    quantization: str = ""
    """File type, such as ``Q4_K_M``, into which the model is put for it; empty: it stays."""


class Expectation(Data, frozen=True, kw_only=True):
    """Which ISA groups the machine code must and must not have.

    ``require`` holds for all matching functions together (at least one instruction of each
    group); ``forbid`` holds for every one of them.
    """

    binary: str
    """File name pattern, such as ``libggml-cpu*``."""
    function: str = "*"
    """Pattern of the demangled function name."""
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


class Variant(Data, frozen=True, kw_only=True):
    """A variant with everything it inherits filled in."""

    name: str
    """Parts of a composed one are joined by ``+``, the base first."""
    description: str
    kind: str = ""
    """Group in which ``list`` and ``--set`` have it, such as ``simd`` or ``allocators``."""
    parts: tuple[str, ...] = ()
    """Names of the components of a composed variant, the base first."""
    source: str
    toolchain: Toolchain = Toolchain()
    cmake: dict[str, str] = {}
    """CMake cache variables by their verbatim names; booleans are ``ON`` and ``OFF``."""
    flags: Flags = Flags()
    optimize: Optimize = Optimize()
    allocator: Allocator = Allocator()
    conflicts: dict[str, str] = {}
    """Names or kinds that it can't be composed with, each with the reason."""
    requires: Requires = Requires()
    runtime: Runtime = Runtime()
    expect: tuple[Expectation, ...] = ()
    origins: dict[str, str] = {}
    """Dotted key to the file that set it, or the files whose values were joined, in their order;
    for ``show``, not part of any id."""
