"""Build llama.cpp in many configurations and measure them side by side.

For notebooks, from the results store, as pandas DataFrames with units in the column names::

    import llamabuild

    llamabuild.runs()
    llamabuild.trials("latest")
    llamabuild.comparisons("latest")
    llamabuild.inspections("latest")
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .report.frames import comparisons, inspections, runs, trials

__all__ = ["__version__", "comparisons", "inspections", "runs", "trials"]

try:
    __version__ = version("llamabuild")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    """Load pandas only when a table is asked for."""
    if name in __all__:
        return getattr(import_module("llamabuild.report.frames"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)
