"""Colours by role, one place for the page and its pictures."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from llamabuild.types.comparison import (
    BASELINE,
    EQUIVALENT,
    FASTER,
    NO_DIFFERENCE,
    NOT_MEASURED,
    SLOWER,
)

VERDICT_ROLE = {
    FASTER: "faster",
    SLOWER: "slower",
    EQUIVALENT: "equivalent",
    NO_DIFFERENCE: "unclear",
    BASELINE: "baseline",
    NOT_MEASURED: "muted",
}
VERDICT_MARK = {
    FASTER: "▲",
    SLOWER: "▼",
    EQUIVALENT: "■",
    NO_DIFFERENCE: "○",
    BASELINE: "◆",
    NOT_MEASURED: "–",
}


@cache
def colours(theme: str) -> dict[str, str]:
    """Return role to ``#rrggbb`` for ``light`` or ``dark``."""
    table = tomllib.loads(files(__package__).joinpath("palette.toml").read_text(encoding="utf-8"))
    return dict(table[theme])


def light(role: str) -> str:
    """Return a role's colour on a light page."""
    return colours("light")[role]


def css_variables(theme: str) -> str:
    """Return ``--role: #rrggbb;`` declarations."""
    return " ".join(f"--{role}: {colour};" for role, colour in colours(theme).items())


def themed(text: str) -> str:
    """Replace each light colour in a picture by the variable of its role."""
    for role, colour in colours("light").items():
        text = text.replace(colour, f"var(--{role})")
    return text
