"""What ran, over all builds: those that agree are told in one sentence."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.execution_words import (
    busiest,
    function_words,
    is_waiting,
    least_waiting,
    waiting_place,
    waiting_shares,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.report.document import VariantResult
    from llamabuild.types.proof import FunctionShare

FEW = 3
"""More names hide the method."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Builds whose time goes into the same place on one workload."""

    workload: str
    sentence: str
    """The place, with the range of its shares over these builds; true of each of them."""
    variants: tuple[str, ...]


def summary(variants: Iterable[VariantResult]) -> list[Ran]:
    """Return, for each workload, the code that took the most time and the builds in which it did.

    What most builds do comes first. Where threads wait differs between builds with the same code
    and is told apart, see :func:`waited`.
    """
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[tuple[FunctionShare, str]]]
    groups = defaultdict(list)
    order: list[str] = []
    for variant in variants:
        for execution in variant.executions:
            order.append(execution.workload)
            top = busiest(execution.functions)
            if top is not None:
                key = (execution.workload, top.library, top.name, top.groups)
                groups[key].append((top, variant.name))
    found = []
    for (workload, *_), rows in groups.items():
        shares = [top.share for top, _ in rows]
        text = f"{numbers.wholes(min(shares), max(shares))} of {workload} {_where(rows[0][0])}"
        found.append(Ran(workload, text, tuple(name for _, name in rows)))
    return sorted(found, key=lambda item: (order.index(item.workload), -len(item.variants)))


def waited(variants: Iterable[VariantResult]) -> list[Ran]:
    """Return, for each workload, where threads wait for each other, and in which builds.

    Only shares that are worth a word, as in the sentence of one build.
    """
    groups: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    order: list[str] = []
    for variant in variants:
        for execution in variant.executions:
            order.append(execution.workload)
            top = busiest(execution.functions)
            if top is None or is_waiting(top):
                continue  # that it waits is all that is known of it
            places = waiting_shares(execution.functions, execution.libraries)
            for place, share in places.items():
                if share >= least_waiting():
                    groups[execution.workload, place].append((share, variant.name))
    found = []
    for (workload, place), rows in groups.items():
        shares = [share for share, _ in rows]
        text = f"{numbers.wholes(min(shares), max(shares))} of {workload} waiting in {place}"
        found.append(Ran(workload, text, tuple(name for _, name in rows)))
    return sorted(found, key=lambda item: (order.index(item.workload), -len(item.variants)))


def unsampled(variants: Iterable[VariantResult]) -> dict[str, list[str]]:
    """Return why nothing is known of what ran, with the builds for which that holds."""
    found: dict[str, list[str]] = {}
    for variant in variants:
        reasons = {e.reason or "nothing was sampled" for e in variant.executions if not e.functions}
        for reason in sorted(reasons):
            found.setdefault(reason, []).append(variant.name)
    return found


def methods(variants: Iterable[VariantResult]) -> str:
    """Return how it was sampled, with the builds of all but the most common way."""
    found: dict[str, list[str]] = {}
    for variant in variants:
        for method in {e.method for e in variant.executions if e.functions}:
            found.setdefault(method, []).append(variant.name)
    order = sorted(found, key=lambda method: (-len(found[method]), method))
    parts = [
        method if place == 0 else f"{method} ({_builds(found[method])})"
        for place, method in enumerate(order)
    ]
    return numbers.listing(parts)


def _where(function: FunctionShare) -> str:
    if is_waiting(function):
        return f"waiting in {waiting_place(function)}"
    return f"in {function_words(function)}"


def _builds(names: list[str]) -> str:
    return numbers.listing(names) if len(names) <= FEW else numbers.count(len(names), "build")
