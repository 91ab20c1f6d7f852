"""What ``[optimize]`` means to a compiler: flags for ggml and the decode part of libllama.

The rest of the tree (argument parsing, templates, the programs) runs no hot code; leaving it as
it is lets the compiler cache answer for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.types.variant import Flags

if TYPE_CHECKING:
    from llamabuild.types.machine import Tool
    from llamabuild.types.variant import Variant

GCC, CLANG = "gcc", "clang"
LLD = "-fuse-ld=lld"
MAJOR = re.compile(r"(\d+)\.\d+")


def compiler_family(compiler: Tool) -> str:
    """Return ``gcc`` or ``clang`` by what the compiler says of itself; ``cc`` can be either."""
    return CLANG if "clang" in compiler.version.lower() else GCC


def named_family(variant: Variant) -> str:
    """Return the family by the name of the variant's compiler, for when it is not installed."""
    return CLANG if "clang" in variant.toolchain.cxx else GCC


def major_version(compiler: Tool) -> str:
    """Return the major version, such as ``19``; empty when the compiler does not tell."""
    # gcc names its packager before its version: "gcc (Debian 12.2.0-14) 12.2.0".
    numbers = MAJOR.findall(compiler.version)
    return numbers[-1] if numbers else ""


def library_flags(variant: Variant, family: str) -> Flags:
    """Return the flags that level, LTO and BOLT need on ggml and the decode part of libllama.

    Raises:
        BadInput: Something that this family of compilers does not have.
    """
    compile_flags = [*_level(variant.optimize.level)]
    link_flags: list[str] = []
    if variant.optimize.lto:
        compile_flags += [_lto(variant, family)]
        link_flags += [_lto(variant, family)]
        # GNU ld needs a plugin of the very same LLVM to link clang's bitcode; lld is part of it.
        link_flags += [LLD] if family == CLANG else []
    if variant.optimize.bolt:
        # BOLT moves code, for which it needs the relocations, and hot functions in one piece; the
        # cold parts that gcc splits off elsewhere it takes as they are (llvm-bolt 19).
        link_flags += ["-Wl,--emit-relocs"]
        compile_flags += ["-fno-reorder-blocks-and-partition"] if family == GCC else []
    flags = tuple(compile_flags)
    return Flags(c=flags, cxx=flags, link=tuple(link_flags))


def joined(first: Flags, second: Flags) -> Flags:
    """Return the flags of both, the second's last."""
    return Flags(
        c=(*first.c, *second.c), cxx=(*first.cxx, *second.cxx), link=(*first.link, *second.link)
    )


def _level(level: str) -> tuple[str, ...]:
    if level == "fast":
        # ggml refuses to be compiled as if infinities did not exist: it masks with them.
        return ("-Ofast", "-fno-finite-math-only")
    return (f"-O{level}",) if level else ()


def _lto(variant: Variant, family: str) -> str:
    if family == CLANG:
        # Thin LTO optimizes the files in parallel and keeps them in memory one at a time.
        return "-flto=full" if variant.optimize.lto == "full" else "-flto=thin"
    if variant.optimize.lto == "thin":
        message = f"{variant.name}: gcc has no thin LTO"
        raise BadInput(message, 'use lto = "default", or clang')
    return "-flto=auto"
