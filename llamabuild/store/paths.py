"""The folders that this program writes to; nothing is written anywhere else.

``LLAMABUILD_CACHE`` and ``LLAMABUILD_STATE`` override the platform's defaults. The cache can be
deleted at any time at the cost of work; the state holds results and cannot be made again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from llamabuild.errors import EnvironmentLacks

APPLICATION = "llamabuild"
CACHE, STATE = "LLAMABUILD_CACHE", "LLAMABUILD_STATE"


def cache_dir(*parts: str) -> Path:
    """Return a folder of the cache, made if it is not there yet."""
    return _made(CACHE, parts)


def state_dir(*parts: str) -> Path:
    """Return a folder of the state, made if it is not there yet."""
    return _made(STATE, parts)


def scratch_dir(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder inside the cache, on the file system of what it becomes."""
    return tempfile.TemporaryDirectory(prefix=prefix, dir=cache_dir("scratch"))


def roots() -> dict[str, Path]:
    """Return cache and state by the variable that moves them; neither needs to be there."""
    defaults = {
        CACHE: platformdirs.user_cache_path(APPLICATION),
        STATE: platformdirs.user_state_path(APPLICATION),
    }
    return {v: Path(os.environ.get(v) or usual).absolute() for v, usual in defaults.items()}


def _made(variable: str, parts: tuple[str, ...]) -> Path:
    folder = roots()[variable].joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot write to {folder} ({error.strerror})"
        raise EnvironmentLacks(message, f"set {variable} to a folder that you can write") from error
    return folder
