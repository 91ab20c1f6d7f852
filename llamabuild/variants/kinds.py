"""The groups of variants, in the order in which people see them."""

from __future__ import annotations

from typing import Literal

from llamabuild.errors import BadInput, did_you_mean

Kind = Literal[
    "simd",
    "compilers",
    "optimization",
    "allocators",
    "switches",
    "runtime",
    "trees",
    "own",
]

KINDS: dict[Kind, str] = {
    "simd": "which instructions ggml's kernels may use",
    "compilers": "who compiles ggml and libllama, and how hard it tries",
    "optimization": "what is known from a training run",
    "allocators": "who answers malloc, and on which pages memory lies",
    "switches": "parts of ggml switched on, off or for another",
    "runtime": "how the program is run; nothing is built",
    "trees": "forks and other versions of llama.cpp",
    "own": "your own files",
}
COMPOSED = "composed"
"""Kind of a variant whose name has several parts; not a set."""
ALL = "all"
GROUNDS: frozenset[str] = frozenset({"simd", "trees"})
"""What other variants stand on: not part of what they add to one."""


def check_set(name: str) -> str:
    """Return the name of a set if there is one of that name.

    Raises:
        BadInput: There is none.
    """
    known = (ALL, *KINDS)
    if name not in known:
        message = f"unknown set of variants '{name}'"
        raise BadInput(message, did_you_mean(name, known) or f"known: {', '.join(known)}")
    return name
