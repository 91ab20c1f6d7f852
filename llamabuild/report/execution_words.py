"""What ran, in one sentence."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers

from .isa import short_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.proof import Execution, FunctionShare

UNKNOWN = "[unknown]"
NAME_WIDTH = 60


class _Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    libraries: tuple[str, ...]
    functions: tuple[str, ...]
    least_share: float


class _Kernels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quantized: str


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``execution_words.toml``."""

    levels: dict[str, str]
    products: dict[str, dict[str, str]]
    waiting: _Waiting
    kernels: _Kernels


@cache
def _facts() -> _Facts:
    data = files(__package__).joinpath("execution_words.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Facts)


def execution_sentence(execution: Execution) -> str:
    """Say where the time of a workload went.

    Such as «81 % of tg16 in ggml_gemv_q4_K_8x8_q8_K (AVX2, no VNNI), 9 % waiting in libgomp»; or
    why it is not known.
    """
    if not execution.samples:
        return f"{execution.workload}: not sampled: {execution.reason}"
    parts = []
    top = busiest(execution.functions)
    if top is not None and not is_waiting(top):
        share = numbers.whole(top.share)
        parts.append(f"{share} of {execution.workload} in {function_words(top)}")
    for where, waited in waiting_shares(execution.functions, execution.libraries).items():
        if waited >= least_waiting():
            whole = "" if parts else f" of {execution.workload}"
            parts.append(f"{numbers.whole(waited)}{whole} waiting in {where}")
    return ", ".join(parts) or f"{execution.workload}: no function stands out"


def busiest(functions: Sequence[FunctionShare]) -> FunctionShare | None:
    """Return the function with the largest share, one in which threads wait only if all do."""
    return next((f for f in functions if not is_waiting(f)), functions[0] if functions else None)


def is_waiting(function: FunctionShare) -> bool:
    """Whether threads wait for each other in this function."""
    facts = _facts().waiting
    return is_waiting_library(function.library) or _is(function.name, facts.functions)


def is_waiting_library(name: str) -> bool:
    """Whether threads wait for each other in all of this library, as far as ggml uses it."""
    return _is(name, _facts().waiting.libraries)


def waiting_place(function: FunctionShare) -> str:
    """Name where threads wait: a library without its version, or a function of ggml's own."""
    if is_waiting_library(function.library):
        return _without_version(function.library)
    return function.name


def waiting_shares(
    functions: Sequence[FunctionShare], libraries: Mapping[str, float]
) -> dict[str, float]:
    """Return the share of time by where threads wait."""
    own = {f.name: f.share for f in functions if _is(f.name, _facts().waiting.functions)}
    files = {
        _without_version(library): share
        for library, share in libraries.items()
        if is_waiting_library(library)
    }
    return files | own


def least_waiting() -> float:
    """Return the share from which on waiting is mentioned."""
    return _facts().waiting.least_share


def function_words(function: FunctionShare) -> str:
    """Name a function and what its machine code is made of: ``quantize_row_q8_K (AVX2)``."""
    if function.name == UNKNOWN:
        return f"{function.library} (no symbols)"
    simd = _simd_words(function)
    name = short_name(function.name, NAME_WIDTH)
    return f"{name} ({simd})" if simd else name


def _simd_words(function: FunctionShare) -> str:
    """Empty where the function was not inspected."""
    if not function.groups:
        return ""
    levels = [words for group, words in _facts().levels.items() if group in function.groups]
    said = [levels[-1] if levels else "no SIMD"]
    if levels and re.search(_facts().kernels.quantized, function.name, re.IGNORECASE):
        said += _product_words(function)
    return ", ".join(said)


def _product_words(function: FunctionShare) -> list[str]:
    arm = any(group in function.groups for group in ("neon", "sve"))
    words = _facts().products["arm" if arm else "x86"]
    found = [word for group, word in words.items() if group in function.groups]
    return found[-1:] or [f"no {next(iter(words.values()))}"]


def _without_version(library: str) -> str:
    return library.partition(".")[0]


def _is(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
