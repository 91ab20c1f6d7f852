"""Find the lines that matter in what CMake and the compiler print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llamabuild.process import Finished
    from llamabuild.types.variant import Variant

ERROR_LINE = re.compile(r"(fatal error:|\berror:|undefined reference|CMake Error|No space left).*")
NO_OPENMP = re.compile(r"OpenMP not found")
CMAKE_TRUE = frozenset({"1", "ON", "YES", "TRUE", "Y"})


def missing_part(finished: Finished, variant: Variant) -> tuple[str, str] | None:
    """Return message and remedy if CMake went on without something that the variant has on.

    ggml's build only warns then, and measures another program under the variant's name.
    """
    wanted = variant.cmake.get("GGML_OPENMP", "ON").upper() in CMAKE_TRUE
    if not wanted or not NO_OPENMP.search(finished.stderr):
        return None
    compiler = variant.toolchain.cxx or "c++"
    version = compiler.removeprefix("clang++")
    package = f"libomp{version}-dev" if version != compiler else "the compiler's libgomp"
    message = f"{variant.name}: {compiler} has no OpenMP here, which llama.cpp uses unless told not"
    return message, f"apt-get install {package}, or set GGML_OPENMP = false"


def compiler_complaint(finished: Finished) -> str:
    """Return the first line that names an error, or the empty string."""
    for text in (finished.stderr, finished.stdout):
        for line in text.splitlines():
            if ERROR_LINE.search(line):
                return line.strip()
    return ""
