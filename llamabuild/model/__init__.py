"""Models: GGUF files from a pinned wheel, a path, a hub or a generator, verified and described.

Both functions are loaded when one is first asked for: the child process that reads the headers
of foreign files imports this package too, and must stay small to keep its memory limit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .resolve import expected_model, resolve_model

__all__ = ["expected_model", "resolve_model"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (a module's attributes are of any type)
    if name in __all__:
        return getattr(import_module(".resolve", __name__), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)
