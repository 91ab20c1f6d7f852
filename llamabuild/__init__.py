"""Build llama.cpp in many configurations and measure them side by side."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("llamabuild")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"
