"""Call paths and their shares, from recorded chains, from a call graph, or from flat samples."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from llamabuild.types.profile import Flame, Stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llamabuild.types.proof import FunctionShare

    from .callgrind import CallGraph, Function

SMALLEST_SHARE = 0.001
"""Paths that are smaller would be less than a pixel wide."""
DEEPEST = 128
UNKNOWN = "[unknown]"
BY_CHAINS = "call chains by perf"
BY_CALL_GRAPH = (
    "callgrind's call graph, simulated: what a function costs is shared among its callers in "
    "proportion to what each of them caused"
)
BY_SAMPLES = "samples without callers: library, then function"


def flame_of_chains(chains: Iterable[Sequence[str]]) -> Flame:
    """Return the paths of recorded chains, each outermost first."""
    counts = Counter(tuple(chain) for chain in chains)
    return _flame(counts, BY_CHAINS, "CPU time", "", total=float(counts.total()))


def flame_of_functions(functions: Sequence[FunctionShare], unit: str, reason: str = "") -> Flame:
    """Return two levels, library and function, where it isn't known who called whom."""
    shares: dict[tuple[str, ...], float] = defaultdict(float)
    for function in functions:
        shares[function.library, function.name] += function.share
    return _flame(shares, BY_SAMPLES, unit, reason, total=1.0)


def flame_of_call_graph(graph: CallGraph, reason: str = "") -> Flame:
    """Return paths through a call graph, with instructions as their widths.

    The graph says what each caller caused in a function, not along which path it was called itself;
    the shares are gprof's: a function's cost goes to its callers as each caused it (Graham,
    Kessler, McKusick, SIGPLAN '82).
    """
    own = {function: costs[0] for function, costs in graph.own.items() if costs}
    called: dict[Function, list[tuple[Function, int]]] = {}
    incoming: Counter[Function] = Counter()
    for (caller, callee), cost in graph.calls.items():
        called.setdefault(caller, []).append((callee, cost))
        incoming[callee] += cost
    total = sum(own.values())
    whole = {
        function: own.get(function, 0) + sum(cost for _, cost in called.get(function, ()))
        for function in {*own, *called}
    }
    shares: dict[tuple[str, ...], float] = defaultdict(float)
    least = SMALLEST_SHARE * total
    # What nobody is seen to have called begins a path; so does the part that callers don't explain.
    waiting: list[tuple[tuple[Function, ...], float]] = [
        ((function,), float(whole[function] - incoming[function]))
        for function in whole
        if whole[function] - incoming[function] > least
    ]
    while waiting:
        path, spent = waiting.pop()
        function = path[-1]
        part = spent / whole[function] if whole.get(function) else 0.0
        shares[tuple(each.name or UNKNOWN for each in path)] += own.get(function, 0) * part
        for callee, caused in called.get(function, ()):
            if callee not in path and len(path) < DEEPEST and caused * part > least:
                waiting.append(((*path, callee), caused * part))
    return _flame(shares, BY_CALL_GRAPH, "simulated instructions", reason, total=float(total))


def _flame(
    shares: Mapping[tuple[str, ...], float], source: str, unit: str, reason: str, *, total: float
) -> Flame:
    stacks = [
        Stack(frames=frames, share=value / total)
        for frames, value in sorted(shares.items())
        if frames and total and value / total >= SMALLEST_SHARE
    ]
    return Flame(source=source, unit=unit, stacks=tuple(stacks), reason=reason)
