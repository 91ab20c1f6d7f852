"""What a profile says, in words and as rows: the same for the terminal and for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llamabuild.report import numbers
from llamabuild.report.execution_words import execution_sentence, function_words
from llamabuild.report.isa import in_order, short_name
from llamabuild.types.profile import COUNTED, SIMULATED
from llamabuild.types.proof import Execution

if TYPE_CHECKING:
    from llamabuild.types.profile import (
        Count,
        Hot,
        Instruction,
        Loop,
        Opinion,
        Rate,
        Simulation,
        WorkloadProfile,
    )

TOP_FUNCTIONS = 12
LONGEST_NAME = 70
SMALL_SHARE = 0.0005
LEAST_MISSES = 0.001
"""Of all misses; functions with less are not told of."""


class MissRow(NamedTuple):
    """One function's share of the misses, sampled or simulated."""

    function: str
    library: str
    share: float
    detail: str


def rate_value(rate: Rate) -> str:
    """Return a rate's value with its unit."""
    if rate.unit == "bytes/s":
        return f"{numbers.size(rate.value)}/s"
    if rate.unit.startswith("of "):
        return f"{numbers.percent(rate.value)} {rate.unit}"
    if rate.unit in {"per access", "per branch"}:
        return f"{numbers.percent(rate.value, 2)} {rate.unit}"
    return f"{rate.value:.3g} {rate.unit}".rstrip()


def rate_title(rate: Rate) -> str:
    """Return a rate's name, with ``simulated`` before those that are."""
    return f"simulated {rate.title}" if rate.origin == SIMULATED else rate.title


def all_rates(found: WorkloadProfile) -> tuple[Rate, ...]:
    """Return the counted rates, then the simulated ones."""
    return (*found.rates, *(found.simulation.rates if found.simulation else ()))


def count_value(count: Count) -> str:
    """Return a count, or why there is none; how much of the time was counted if not all."""
    if count.status != COUNTED or count.value is None:
        return count.status
    value = f"{count.value:,.1f} {count.unit}" if count.unit else f"{count.value:,.0f}"
    part = f" (counted {count.running:.0%} of the time, scaled)" if count.running < 1 else ""
    return f"{value}{part}"


def opinion_value(opinion: Opinion) -> str:
    """Return what an opinion rests on."""
    if opinion.unit.startswith("of "):
        return f"{numbers.part(opinion.value)} {opinion.unit}"
    return f"{opinion.value:.3g} {opinion.unit}"


def top_functions(hot: Hot) -> list[tuple[str, str, str]]:
    """Return function with its SIMD, share and library of the hottest."""
    return [
        (function_words(each), numbers.percent(each.share), each.library)
        for each in hot.functions[:TOP_FUNCTIONS]
    ]


def hot_sentence(hot: Hot) -> str:
    """Say where an event falls."""
    libraries: dict[str, float] = {}
    for each in hot.functions:
        libraries[each.library] = libraries.get(each.library, 0.0) + each.share
    execution = Execution(
        workload=hot.event,
        method=hot.method,
        samples=hot.samples,
        functions=hot.functions,
        libraries=libraries,
        reason=hot.reason,
    )
    how = f"; {numbers.count(hot.samples, 'sample')} by {hot.method}" if hot.samples else ""
    return f"{execution_sentence(execution)}{how}"


def loop_sentence(loop: Loop) -> str:
    """Say which loop it is and what it is made of, or why there is none."""
    if not loop.instructions:
        where = f"{short_name(loop.function, LONGEST_NAME)}: " if loop.function else ""
        return f"{where}{loop.reason}"
    groups = ", ".join(f"{g} {loop.groups[g]}" for g in in_order(loop.groups)) or "no SIMD"
    cut = f" ({loop.reason})" if loop.reason else ""
    return (
        f"{numbers.part(loop.share)} of {short_name(loop.function, LONGEST_NAME)} in a loop of "
        f"{numbers.count(len(loop.instructions), 'instruction')}{cut}: {groups}"
    )


def instruction_share(instruction: Instruction) -> str:
    """Return an instruction's share of its function, empty where there is hardly any."""
    return numbers.percent(instruction.share) if instruction.share >= SMALL_SHARE else ""


def miss_rows(found: WorkloadProfile) -> tuple[str, list[MissRow]]:
    """Return which functions miss most and how that is known: sampled, else simulated."""
    for hot in found.hot[1:]:
        if hot.samples:
            rows = [
                MissRow(function_words(f), f.library, f.share, "")
                for f in hot.functions[:TOP_FUNCTIONS]
            ]
            return f"last-level misses by {hot.method}", rows
    simulation = found.simulation
    if simulation is None or not simulation.functions:
        return "", []
    return _simulated_misses(simulation)


def _simulated_misses(simulation: Simulation) -> tuple[str, list[MissRow]]:
    """Rank by last-level misses, or by those of L1 where the simulated last level holds it all."""
    misses = simulation.counts.get("llc_misses", 0)
    enough = misses > simulation.counts.get("instructions", 0) / 100_000
    level = "last-level" if enough else "L1"
    ranked = sorted(
        simulation.functions, key=lambda f: f.ll_misses if enough else f.l1_misses, reverse=True
    )
    total = misses if enough else simulation.counts.get("l1_misses", 0)
    rows = [
        MissRow(
            short_name(f.name, LONGEST_NAME),
            f.library,
            (f.ll_misses if enough else f.l1_misses) / total,
            f"{f.l1_misses:,} L1, {f.ll_misses:,} last-level misses in {f.reads:,} reads",
        )
        for f in ranked[:TOP_FUNCTIONS]
        if total and (f.ll_misses if enough else f.l1_misses) >= LEAST_MISSES * total
    ]
    return f"simulated {level} read misses, by {simulation.tool}", rows


def simulation_sentence(simulation: Simulation) -> str:
    """Say what was simulated, or why nothing was."""
    if not simulation.tool:
        return f"not simulated: {simulation.reason}"
    why = f" ({simulation.reason})" if simulation.reason else ""
    return (
        f"simulated by {simulation.tool} on the build {simulation.variant}{why}: "
        f"{simulation.workload}, {simulation.scope}; caches {simulation.caches}, no prefetching"
    )
