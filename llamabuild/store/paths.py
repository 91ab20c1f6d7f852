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


def cache_dir(*parts: str) -> Path:
    """Return a folder of the cache, made if it is not there yet."""
    return _made("LLAMABUILD_CACHE", platformdirs.user_cache_path(APPLICATION), parts)


def state_dir(*parts: str) -> Path:
    """Return a folder of the state, made if it is not there yet."""
    return _made("LLAMABUILD_STATE", platformdirs.user_state_path(APPLICATION), parts)


def scratch_dir(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder inside the cache, on the file system of what it becomes."""
    return tempfile.TemporaryDirectory(prefix=prefix, dir=cache_dir("scratch"))


def _made(variable: str, default: Path, parts: tuple[str, ...]) -> Path:
    folder = Path(os.environ.get(variable) or default).absolute().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot write to {folder} ({error.strerror})"
        raise EnvironmentLacks(message, f"set {variable} to a folder that you can write") from error
    return folder
