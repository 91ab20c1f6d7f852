"""ggml's kernels from builds in the store, to run beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.build.kernel_files import KERNEL_LIBRARY
from llamabuild.build.lookup import built_variant
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels.formats import find_format
from llamabuild.kernels.ggml import GgmlFunction, Missing, functions
from llamabuild.kernels.timing import MatMul
from llamabuild.source.pins import load_pins
from llamabuild.store.builds import files_folder, published_builds, sha256_of
from llamabuild.types.base import Data
from llamabuild.types.kernels import GgmlLibrary
from llamabuild.variants import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.types.machine import Cpu

BASELINES = {"x86_64": ("avx2", "native"), "aarch64": ("armv8", "native")}
"""By architecture: what portable packages ship, and the best that the compiler can do."""


class Rivals(Data, frozen=True, kw_only=True):
    """What was found of ggml."""

    libraries: tuple[GgmlLibrary, ...] = ()
    kernels: tuple[GgmlFunction | MatMul, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()


def baselines(wanted: Sequence[str] | None, cpu: Cpu) -> tuple[str, ...]:
    """Return the variants whose kernels run beside ours.

    Raises:
        BadInput: There is no such variant.
    """
    if wanted is None:
        return BASELINES.get(cpu.architecture, ("native",))
    catalogue = load_catalogue(load_pins().default)
    for name in wanted:
        catalogue.get(name)
    return tuple(dict.fromkeys(wanted))


def find_rivals(variants: Sequence[str], formats: Sequence[str]) -> Rivals:
    """Return ggml's kernels of these formats; what can't be had is said, and the rest goes on."""
    found = [_of_variant(name, formats) for name in variants]
    notes = tuple(note for rivals in found for note in rivals.notes)
    return Rivals(
        libraries=tuple(library for rivals in found for library in rivals.libraries),
        kernels=tuple(kernel for rivals in found for kernel in rivals.kernels),
        missing=tuple(missing for rivals in found for missing in rivals.missing),
        notes=notes,
    )


def _of_variant(name: str, formats: Sequence[str]) -> Rivals:
    try:
        files, _ = built_variant(name)
    except (BadInput, EnvironmentLacks) as error:
        return Rivals(notes=(f"without ggml's kernels of {name}: {error}",))
    by = f"ggml:{name}"
    paths = [path for path in files if path.match(KERNEL_LIBRARY)]
    if not paths:
        return _unusable(by, formats, f"the build of {name} has no libggml-cpu")
    try:
        have, lack = functions(paths[0], name, tuple(formats))
    except EnvironmentLacks as error:
        return _unusable(by, formats, str(error))
    packed = {kernel.format for kernel in have if kernel.shape == "gemm"}
    products = [
        MatMul(format=weights, by=by, library=str(paths[0]), repack=repack)
        for weights in formats
        for repack in ((False, True) if weights in packed else (False,))
    ]
    return Rivals(
        libraries=(GgmlLibrary(name=by, build_id=_build_id(paths[0]), sha256=sha256_of(paths[0])),),
        kernels=(*have, *products),
        # Without a symbol it is no kernel that could be missing: llama.cpp has no such path.
        missing=tuple(item for item in lack if item.symbol),
    )


def _build_id(path: Path) -> str:
    ids = (build_id for build_id, _ in published_builds())
    return next((name for name in ids if path.is_relative_to(files_folder(name))), "")


def _unusable(by: str, formats: Sequence[str], reason: str) -> Rivals:
    return Rivals(
        missing=tuple(
            Missing(format=find_format(name).name, shape="vec_dot", by=by, symbol="", reason=reason)
            for name in formats
        ),
        notes=(f"without the kernels of {by}: {reason}",),
    )
