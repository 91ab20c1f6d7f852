"""What ``perf stat`` writes, as JSON lines (``-j``, perf 5.19 and later) or CSV (``-x,``).

Layouts are those of perf-stat(1), sections CSV FORMAT and JSON FORMAT; rows that name no event
(derived metrics, groups of metrics) are passed over, because rates are made from the counts here.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from llamabuild.types.profile import COUNTED, NOT_COUNTED, NOT_SUPPORTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ABSENT = {"<not supported>": NOT_SUPPORTED, "<not counted>": NOT_COUNTED}
PMU = re.compile(r"(\w+)/([^/]*)/(\w*)")
"""An event with the unit that counts it, such as ``cpu_core/cycles/u``."""
VARIANCE = re.compile(r"[0-9.]+%")


class BadStat(Exception):
    """Not what ``perf stat`` writes; says why in one clause."""


class StatRow(NamedTuple):
    """One event of one unit."""

    event: str
    """As perf names it."""
    value: float | None
    unit: str
    running: float
    """0 to 1."""
    status: str


def read_stat(text: str) -> tuple[StatRow, ...]:
    """Return all events in the order of the output.

    Raises:
        BadStat: A row that is in neither layout.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(line.lstrip().startswith("{") for line in lines):
        return tuple(_json_rows(lines))
    return tuple(_csv_rows(lines))


def plain_event(event: str) -> str:
    """Return an event without the unit that counts it and without modifiers.

    ``cycles:u``, ``cpu_core/cycles/`` and ``cpu_atom/cycles/u`` are all ``cycles``.
    """
    unit = PMU.fullmatch(event)
    if unit is not None and "=" not in unit[2]:
        return unit[2]
    return event.partition(":")[0] if "/" not in event else event


def _json_rows(lines: Iterable[str]) -> Iterator[StatRow]:
    for line in lines:
        try:
            row: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as error:
            message = f"perf stat printed broken JSON ({error})"
            raise BadStat(message) from error
        if "event" in row and "counter-value" in row:
            yield _row(
                str(row["counter-value"]),
                str(row.get("unit", "")),
                str(row["event"]),
                str(row.get("pcnt-running", "")),
            )


def _csv_rows(lines: Iterable[str]) -> Iterator[StatRow]:
    """Fields: value, unit, event, with ``-r`` the variance, time counted, percentage, metric."""
    for fields in csv.reader(lines):
        if len(fields) < 3:  # noqa: PLR2004 - value, unit and event are always there
            message = f"perf stat printed {','.join(fields)[:60]!r}"
            raise BadStat(message)
        value, unit, event, *rest = (field.strip() for field in fields)
        if not value or not event:
            continue
        if rest and VARIANCE.fullmatch(rest[0]):
            del rest[0]
        yield _row(value, unit, event, rest[1] if len(rest) > 1 else "")


def _row(value: str, unit: str, event: str, running: str) -> StatRow:
    if value in ABSENT:
        return StatRow(event, None, unit, 0.0, ABSENT[value])
    try:
        return StatRow(event, float(value), unit, _part(running), COUNTED)
    except ValueError as error:
        message = f"perf stat printed {value[:40]!r} as the count of {event[:40]}"
        raise BadStat(message) from error


def _part(percentage: str) -> float:
    """Return a percentage as a fraction; without one all of the time was counted."""
    return min(float(percentage) / 100, 1.0) if percentage else 1.0
