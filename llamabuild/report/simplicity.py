"""How far a build is from the plainest one: of two that are alike, a reader wants the simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.types.variant import INSTRUCTION_SETS

if TYPE_CHECKING:
    from llamabuild.report.document import VariantResult

TRAINED = 2
"""A profile needs a training run besides the switch."""
OTHER_TREE = 3
"""Another tree has other bugs, options and releases."""


def levers(variant: VariantResult, baseline: VariantResult) -> int:
    """Return how many things a build does otherwise than the baseline."""
    own, plain = variant.settings, baseline.settings
    if own is None or plain is None:
        return OTHER_TREE
    changed = {
        key
        for key in own.cmake.keys() | plain.cmake.keys()
        if own.cmake.get(key) != plain.cmake.get(key)
    }
    # Which instruction sets a build has is one choice, however many switches it takes.
    number = len(changed - INSTRUCTION_SETS) + bool(changed & INSTRUCTION_SETS)
    number += len({*own.c_flags, *own.cxx_flags} ^ {*plain.c_flags, *plain.cxx_flags})
    number += own.link_flags != plain.link_flags
    number += own.toolchain != plain.toolchain
    number += own.optimize.level != plain.optimize.level
    number += own.optimize.lto != plain.optimize.lto
    number += TRAINED * (own.optimize.pgo + own.optimize.bolt)
    number += own.allocator != plain.allocator
    number += own.environment != plain.environment
    number += own.bench_arguments != plain.bench_arguments
    number += own.launcher != plain.launcher
    return number + OTHER_TREE * (variant.source is not None or variant.prebuilt is not None)
