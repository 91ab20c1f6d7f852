"""Which files hold ggml's kernels, by the layouts that ggml has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GGML = "libggml"
"""How the names of its libraries begin."""
KERNEL_LIBRARY = "libggml-cpu*"
SPLIT_GGML = "libggml-base*"
"""Where this library is there, the kernels are in theirs and nowhere else."""
KERNELS_ELSEWHERE = ("libggml.so*", "libllama.so*", "llama-bench")
"""Where they are in other trees: in ggml's one library, in llama's (before June 2024), or in the
program itself, as in a static build."""


def kernel_files(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder in which ggml's kernels are; none if they are not in it."""
    elsewhere = () if any(folder.glob(SPLIT_GGML)) else KERNELS_ELSEWHERE
    for pattern in (KERNEL_LIBRARY, *elsewhere):
        if found := tuple(p for p in sorted(folder.glob(pattern)) if not p.is_symlink()):
            return found
    return ()
