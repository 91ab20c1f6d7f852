"""Counts into rates: instructions per cycle, misses per access, bytes per second."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.types.profile import COUNTED, SIMULATED, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llamabuild.types.profile import Count, Counters

BYTES = "bytes/s"


class Quotient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rate and the roles that it is made of."""

    name: str
    title: str
    over: tuple[str, ...]
    under: str
    factor: float = 1.0
    unit: str = ""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rates.toml``."""

    rates: tuple[Quotient, ...]
    units: dict[str, float]


class _Known(NamedTuple):
    """The number that stands for a role."""

    value: float
    unit: str
    name: str


@cache
def facts() -> Facts:
    """Return the shipped rates."""
    data = Path(__file__).with_name("rates.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def counted_rates(counters: Counters, line_bytes: int) -> tuple[Rate, ...]:
    """Return all rates that the counts allow.

    Args:
        counters: Of a workload's repetitions.
        line_bytes: Of the last cache; a miss moves a line. What prefetchers fetch is counted on
            some CPUs and not on others, so that bytes by misses are at most what was moved.
    """
    known = {
        role: _Known(count.value, count.unit, count.event)
        for role, count in first_counted(counters.counts).items()
        if count.value is not None
    }
    return tuple(_rates(known, COUNTED, counters.seconds, line_bytes))


def simulated_rates(counts: Mapping[str, int]) -> tuple[Rate, ...]:
    """Return the rates of a simulation, which has no time and so no bytes per second."""
    known = {role: _Known(number, "", role.replace("_", " ")) for role, number in counts.items()}
    return tuple(_rates(known, SIMULATED, 0.0, 0))


def first_counted(counts: Iterable[Count]) -> dict[str, Count]:
    """Return for each role the first event of it that was counted."""
    found: dict[str, Count] = {}
    for count in counts:
        if count.value is not None:
            found.setdefault(count.role, count)
    return found


def _rates(
    known: Mapping[str, _Known], origin: str, seconds: float, line_bytes: int
) -> Iterable[Rate]:
    for quotient in facts().rates:
        over = [known[role] for role in quotient.over if role in known]
        if len(over) < len(quotient.over):
            continue
        if quotient.unit == BYTES:
            under = seconds
            value = sum(item.value * facts().units.get(item.unit, line_bytes) for item in over)
            basis = " + ".join(item.name for item in over)
            if not any(item.unit in facts().units for item in over):
                basis += f" × {line_bytes} bytes"
        else:
            if quotient.under not in known:
                continue
            under = known[quotient.under].value
            value = sum(item.value for item in over) * quotient.factor
            basis = f"{over[0].name} / {known[quotient.under].name}"
        if under > 0:
            yield Rate(
                name=quotient.name,
                title=quotient.title,
                value=value / under,
                unit=quotient.unit,
                origin=origin,
                basis=basis,
            )
