"""``sampling.toml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a process is sampled; the data file says what each means."""

    samples_per_second: int
    fewest: int
    most: int
    seconds: float
    max_repetitions: int
    least_samples: int
    timeout_seconds: float
    most_samples: int


@cache
def settings() -> Settings:
    """Return the shipped settings."""
    data = Path(__file__).with_name("sampling.toml").read_bytes()
    return msgspec.toml.decode(data, type=Settings)
