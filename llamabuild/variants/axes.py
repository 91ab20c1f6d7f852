"""The axes of a sweep: which values are meant, and which points they make."""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.types.run import Axis, Point, Sweep

from .affinity import AFFINITY, explained, this_layout, values_here
from .settings import EQUALS, checked_value, setting_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RANGE = re.compile(r"(?P<first>[0-9]+)\.\.(?P<last>[0-9]+)(?:(?P<sign>[+*])(?P<by>[0-9]+))?")
MOST_VALUES, MOST_POINTS = 64, 200


def words_here(threads: int) -> dict[str, str]:
    """Return what stands for the words in the settings' values on this machine.

    Args:
        threads: Physical cores within affinity and quota.
    """
    places = " ".join(values_here(this_layout(), threads))
    return {"threads": str(threads), "twice": str(2 * threads), "affinity": places}


def make_axis(name: str, words: Sequence[str], here: Mapping[str, str]) -> Axis:
    """Return an axis with its values, each once; in the order that the setting has for them.

    Args:
        name: That of a setting.
        words: Values, ranges (``1..8``, ``1..64*2``, ``0..100+25``); none means the setting's own.
        here: What ``{threads}`` and the like stand for on this machine.

    Raises:
        BadInput: An unknown setting, a value that it cannot have, or no value at all.
        EnvironmentLacks: This machine has one CPU and the axis is about which.
    """
    setting = setting_named(name)
    texts = words or [t for word in setting.sweep for t in word.format_map(here).split()]
    if not texts and setting.sweep:
        message = f"one CPU may be used here, which leaves no choice of {name}"
        raise EnvironmentLacks(message, "allow more CPUs, or sweep another axis")
    if not texts:
        message = f"{setting.what}: there are no values that suit every machine"
        raise BadInput(message, f"name some, such as 'sweep {name} {setting.example}'")
    values = [value for text in texts for value in _expanded(text)]
    for value in values:
        checked_value(name, value)
    if setting.scales:
        values.sort(key=int)
    elif setting.choices:
        values.sort(key=setting.choices.index)
    values = list(dict.fromkeys(values))
    what = setting.what
    if name == AFFINITY:
        what += f" ({explained(values, this_layout())})"
    return Axis(setting=name, what=what, values=tuple(values))


def make_sweep(base: str, axes: Sequence[Axis]) -> Sweep:
    """Return a sweep of so few points that it can be measured.

    The first point is the base alone, with all defaults, unless every axis is one whose first value
    is what the others are compared with: then it is the first value of each. An axis with another
    program than llama-bench has no default; its own first value stands for it, so that all points
    run that program.

    Raises:
        BadInput: One axis twice, axes of two programs, or too many points.
    """
    names = [axis.setting for axis in axes]
    if twice := [name for name in names if names.count(name) > 1]:
        message = f"the axis '{twice[0]}' is there twice"
        raise BadInput(message, "name all its values at once")
    programs = {s.program: name for name in names if (s := setting_named(name)).program}
    if len(programs) > 1:
        message = f"the axes {' and '.join(programs.values())} run different programs"
        raise BadInput(message, "sweep one of them at a time")
    count = prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        message = f"the axes make {count} points, more than {MOST_POINTS}"
        raise BadInput(message, "name fewer values")
    points = [_point(base, names, values) for values in product(*(axis.values for axis in axes))]
    if not all(setting_named(name).begins for name in names):
        first = _point(base, names, [setting_named(name).first for name in names])
        points = [first, *(point for point in points if point != first)]
    return Sweep(base=base, axes=tuple(axes), points=tuple(points))


def _point(base: str, names: Sequence[str], values: Sequence[str]) -> Point:
    """An empty value is the default, which needs no part in the name."""
    parts = [EQUALS.join(pair) for pair in zip(names, values, strict=True) if pair[1]]
    return Point(variant="+".join([base, *parts]), values=tuple(values))


def _expanded(text: str) -> list[str]:
    """A range, by ones, by a step or by a factor; the last value belongs to it if it is hit."""
    match = RANGE.fullmatch(text)
    if match is None:
        return [text]
    first, last, by = int(match["first"]), int(match["last"]), int(match["by"] or 1)
    grows = by > 1 and first > 0 if match["sign"] == "*" else by > 0
    if last < first or not grows:
        message = f"'{text}' is not a range"
        raise BadInput(message, "write it like 1..8, 0..100+25 or 512..4096*2")
    values: list[str] = []
    while first <= last:
        values.append(str(first))
        first = first * by if match["sign"] == "*" else first + by
        if len(values) > MOST_VALUES:
            message = f"'{text}' has more than {MOST_VALUES} values"
            raise BadInput(message, "take larger steps")
    return values
