"""The one way to the extension module, with a remedy where it is missing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks

if TYPE_CHECKING:
    from types import ModuleType


def load_extension(name: str = "llamabuild._native") -> ModuleType:
    """Return the extension module.

    Raises:
        EnvironmentLacks: It was not built, or was built for another Python or libc.
    """
    try:
        return import_module(name)
    except ImportError as error:
        message = f"the extension module {name} cannot be loaded ({error})"
        remedy = (
            "build it for this Python with 'python -m pip install .' in the folder of "
            "pyproject.toml (it takes a C++ compiler)"
        )
        raise EnvironmentLacks(message, remedy) from error
