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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .report.frames import comparisons, inspections, runs, trials

    __version__: str

__all__ = ["__version__", "comparisons", "inspections", "runs", "trials"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    """Load what is slow to load only when it is asked for."""
    if name == "__version__":
        return _version()
    if name in __all__:
        return getattr(import_module("llamabuild.report.frames"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("llamabuild")
    except PackageNotFoundError:  # a checkout that was not installed
        return "0+unknown"
