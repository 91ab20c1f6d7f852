"""Durations as people write them: ``30m``, ``90s``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Any

import click

WRITTEN = re.compile(r"(?:(?P<h>[0-9]{1,3})h)?(?:(?P<m>[0-9]{1,5})m)?(?:(?P<s>[0-9]{1,6})s)?")
SECONDS = {"h": 3600, "m": 60, "s": 1}


class Duration(click.ParamType[float]):
    """A duration in seconds."""

    name = "duration"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the seconds of a text such as ``30m``."""
        if isinstance(value, float):
            return value
        match = WRITTEN.fullmatch(str(value))
        found = match.groupdict() if match else {}
        seconds = sum(SECONDS[unit] * int(number) for unit, number in found.items() if number)
        if not seconds:
            self.fail(f"'{value}' is not a duration; write it like 30m, 90s or 1h30m", param, ctx)
        return float(seconds)
