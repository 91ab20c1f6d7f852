"""Find the lines that matter in what CMake and the compiler print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.errors import did_you_mean

if TYPE_CHECKING:
    from llamabuild.process import Finished
    from llamabuild.types.variant import Variant

UNUSED = re.compile(
    r"Manually-specified variables were not used by the project:\s*\n((?:\s*\n|\s+\w+\s*\n)+)"
)
ERROR_LINE = re.compile(r"(fatal error:|\berror:|undefined reference|CMake Error|No space left).*")
NO_OPENMP = re.compile(r"OpenMP not found")
CMAKE_TRUE = frozenset({"1", "ON", "YES", "TRUE", "Y"})
KNOWN_VARIABLES = (
    *("GGML_NATIVE", "GGML_SSE42", "GGML_AVX", "GGML_AVX2", "GGML_AVX_VNNI", "GGML_BMI2"),
    *("GGML_FMA", "GGML_F16C", "GGML_AVX512", "GGML_AVX512_VBMI", "GGML_AVX512_VNNI"),
    *("GGML_AVX512_BF16", "GGML_AMX_TILE", "GGML_AMX_INT8", "GGML_AMX_BF16", "GGML_LTO"),
    *("GGML_CPU_ARM_ARCH", "GGML_CPU_REPACK", "GGML_LLAMAFILE", "GGML_OPENMP", "GGML_BLAS"),
    *("GGML_STATIC", "GGML_CPU_ALL_VARIANTS", "GGML_BACKEND_DL", "GGML_CPU_KLEIDIAI"),
)


def unused_variables(finished: Finished, variant: Variant) -> tuple[str, str] | None:
    """Return message and remedy if CMake did not use a variable that the variant sets.

    CMake itself only warns, and a misspelt switch then measures the default under a false name.
    """
    match = UNUSED.search(finished.stderr)
    if match is None:
        return None
    unused = [name for name in match[1].split() if name in variant.cmake]
    if not unused:
        return None
    where = ", ".join(f"{variant.origins.get(f'cmake.{n}', '?')}: cmake.{n}" for n in unused)
    message = f"{variant.name}: this llama.cpp does not know the CMake variable ({where})"
    return message, did_you_mean(unused[0], KNOWN_VARIABLES) or "see its ggml/CMakeLists.txt"


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
