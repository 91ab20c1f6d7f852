"""What was seen to run: the document's part, and the summary over all builds."""

from __future__ import annotations

import fnmatch
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.document import ExecutionInfo
from llamabuild.report.execution_words import (
    busiest,
    execution_sentence,
    is_waiting,
    is_waiting_library,
)
from llamabuild.report.portable import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult
    from llamabuild.types.proof import Execution


@dataclass(frozen=True, slots=True)
class Ran:
    """Builds whose time goes into the same code on one workload."""

    workload: str
    sentence: str
    """Of the build with the largest share."""
    low: float
    high: float
    """Smallest and largest share of that code."""
    variants: tuple[str, ...]


def execution_info(execution: Execution) -> ExecutionInfo:
    """Return one workload of one arm for the document, cleaned."""
    functions = tuple(
        msgspec.structs.replace(
            function, name=clean(function.name), library=clean(function.library)
        )
        for function in execution.functions
    )
    libraries = {clean(name): share for name, share in execution.libraries.items()}
    own = msgspec.structs.replace(execution, functions=functions, libraries=libraries)
    return ExecutionInfo(
        workload=execution.workload,
        sentence=clean(execution_sentence(own)),
        method=clean(execution.method),
        samples=execution.samples,
        functions=functions,
        libraries=libraries,
        loaded=tuple(clean(name) for name in execution.loaded),
        waiting=_waiting(own),
        reason=clean(execution.reason),
    )


def summary(variants: Iterable[VariantResult]) -> list[Ran]:
    """Return, for each workload, the code that took the most time and the builds in which it did.

    What most builds do comes first.
    """
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[tuple[float, str, str]]]
    groups = defaultdict(list)
    order: list[str] = []
    for variant in variants:
        for execution in variant.executions:
            order.append(execution.workload)
            top = busiest(execution.functions)
            if top is not None:
                key = (execution.workload, top.library, top.name, top.groups)
                groups[key].append((top.share, execution.sentence, variant.name))
    places = {workload: place for place, workload in reversed(list(enumerate(order)))}
    found = []
    for (workload, *_), rows in groups.items():
        shares = [share for share, _, _ in rows]
        names = tuple(name for _, _, name in rows)
        found.append(Ran(workload, max(rows)[1], min(shares), max(shares), names))
    return sorted(found, key=lambda item: (places[item.workload], -len(item.variants)))


def unsampled(variants: Iterable[VariantResult]) -> dict[str, list[str]]:
    """Return why nothing is known of what ran, with the builds for which that holds."""
    found: dict[str, list[str]] = {}
    for variant in variants:
        reasons = {e.reason or "nothing was sampled" for e in variant.executions if not e.functions}
        for reason in sorted(reasons):
            found.setdefault(reason, []).append(variant.name)
    return found


@cache
def facts() -> dict[str, dict[str, list[str]]]:
    """Return the patterns of ``execution.toml``."""
    text = files(__package__).joinpath("execution.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name matches one of several patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _waiting(execution: Execution) -> float:
    inside = sum(share for name, share in execution.libraries.items() if is_waiting_library(name))
    by_name = [function for function in execution.functions if is_waiting(function)]
    listed = sum(f.share for f in by_name if is_waiting_library(f.library))
    # The shares of whole libraries include functions too small to be listed.
    return max(inside, listed) + sum(f.share for f in by_name if not is_waiting_library(f.library))
