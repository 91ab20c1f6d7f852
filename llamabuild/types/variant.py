"""A variant: a named build configuration and the runtime settings that belong to it."""

from __future__ import annotations

from .base import Data


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
    """What the machine must have for the variant to run there."""

    architecture: str = ""
    cpu: tuple[str, ...] = ()
    """CPU features, named like the ISA groups."""
    tools: tuple[str, ...] = ()


class Runtime(Data, frozen=True, kw_only=True):
    """How the variant is run."""

    environment: dict[str, str] = {}
    bench: tuple[str, ...] = ()
    """Further arguments of llama-bench."""


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
    description: str
    source: str
    toolchain: Toolchain = Toolchain()
    cmake: dict[str, str] = {}
    """CMake cache variables by their verbatim names; booleans are ``ON`` and ``OFF``."""
    flags: Flags = Flags()
    requires: Requires = Requires()
    runtime: Runtime = Runtime()
    expect: tuple[Expectation, ...] = ()
    origins: dict[str, str] = {}
    """Dotted key to the file that set it, or the files whose values were joined, in their order;
    for ``show``, not part of any id."""
