"""Which SIMD the machine code of a file uses, function by function.

Names are imported on their first use: objdump, which takes most of the time, should be at work
before the rest of this package is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .expectations import check_expectations, function_glob
    from .inspector import inspect_file
    from .isa import checked_groups, group_names, highest
    from .records import totals

_MODULES = {
    "check_expectations": "expectations",
    "checked_groups": "isa",
    "function_glob": "expectations",
    "group_names": "isa",
    "highest": "isa",
    "inspect_file": "inspector",
    "totals": "records",
}

__all__ = [
    "check_expectations",
    "checked_groups",
    "function_glob",
    "group_names",
    "highest",
    "inspect_file",
    "totals",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _MODULES:
        message = f"module '{__name__}' has no attribute '{name}'"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
