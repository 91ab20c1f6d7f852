"""Loading a libggml-cpu next to others, without one taking another's functions.

Two builds have libraries of the same names and sonames. Each libggml-cpu is opened by its full
path with RTLD_LOCAL, so the dynamic linker takes them for different libraries (it tells them by
inode) and binds each one's calls to itself first. Only libggml-base is found by its soname, so
those loaded later share the first one's; builds of one source have the same libggml-base to the
byte, and one with another is refused.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.extension import load_extension
from llamabuild.process import run
from llamabuild.store.builds import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

# Loads and initialises a library in a process of its own: the way to learn that its code doesn't
# run on this CPU, or that the file is damaged, is to see it end.
TRIAL = """
import ctypes, sys
for path in sys.argv[1:]:
    library = ctypes.CDLL(path)
library.ggml_cpu_init()
"""
TRIAL_SECONDS = 60.0


# ggml tells on stderr which tensors it repacks.
LOG_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
SILENCE = LOG_CALLBACK(lambda _level, _text, _data: None)


class InitParams(ctypes.Structure):
    """``struct ggml_init_params``."""

    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


class Library:
    """A loaded libggml-cpu. Its functions are found by name."""

    def __init__(self, path: Path, handle: ctypes.CDLL) -> None:
        """Wrap what :func:`load` opened."""
        self.path = path
        self._handle = handle

    def address(self, symbol: str) -> int | None:
        """Return a function's address; None when the library has no such symbol of its own."""
        found = self.found(symbol)
        return found if found and load_extension().file_at(found) == str(self.path) else None

    def found(self, symbol: str) -> int:
        """Return a function's address in the library or in what it depends on; 0 for none."""
        try:
            return ctypes.cast(getattr(self._handle, symbol), ctypes.c_void_p).value or 0
        except AttributeError:
            return 0

    def call(self, symbol: str, result: Any, *arguments: Any) -> Any:  # noqa: ANN401
        """Call a function of the library or of libggml-base with ctypes values.

        Raises:
            EnvironmentLacks: There is no such symbol.
        """
        return self.function(symbol, result, *(type(a) for a in arguments))(*arguments)

    def function(self, symbol: str, result: Any, *types: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Return a function with its types.

        Raises:
            EnvironmentLacks: There is no such symbol.
        """
        address = self.found(symbol)
        if not address:
            message = f"{self.path.name} has no symbol {symbol}"
            raise EnvironmentLacks(message, "build llama.cpp of the pinned version")
        return ctypes.CFUNCTYPE(result, *types)(address)

    def has(self, word: str) -> bool:
        """Tell what the library was compiled for, by ggml's word, such as ``avx512_vnni``.

        ``sve32`` is SVE with vectors of 32 bytes.
        """
        if word == "sve32":
            return self.has("sve") and self.call("ggml_cpu_get_sve_cnt", ctypes.c_int) == 32  # noqa: PLR2004
        if self.address(f"ggml_cpu_has_{word}") is None:
            return False
        return bool(self.call(f"ggml_cpu_has_{word}", ctypes.c_int))


@cache
def load(path: Path) -> Library:
    """Load a libggml-cpu.

    Raises:
        EnvironmentLacks: It is not there, can't be loaded, doesn't run on this CPU, or needs
            another libggml-base than one that is loaded already.
    """
    path = path.resolve()
    if not path.is_file():
        message = f"{path.name} is not there"
        raise EnvironmentLacks(message, "build the variant again")
    base = _base_of(path)
    trial = run([sys.executable, "-I", "-c", TRIAL, base, path], timeout_seconds=TRIAL_SECONDS)
    if not trial.ok:
        message = f"{path.name} can't be used on this machine: loading it {trial.failure()}"
        raise EnvironmentLacks(message, "build it for this CPU")
    ctypes.CDLL(str(base), mode=ctypes.RTLD_LOCAL)
    library = Library(path, ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL))
    if library.address("ggml_cpu_init") is None:
        message = f"{path.name} is no libggml-cpu: it lacks ggml_cpu_init"
        raise EnvironmentLacks(message)
    used = _file_of(library, "ggml_init")
    if used.resolve() != base and sha256_of(used) != sha256_of(base):
        message = f"{path.name} belongs to another ggml than the one that is loaded"
        raise EnvironmentLacks(message, "measure builds of one source version in one run")
    library.function("ggml_log_set", None, LOG_CALLBACK, ctypes.c_void_p)(SILENCE, None)
    library.call("ggml_cpu_init", None)
    return library


def _base_of(path: Path) -> Path:
    found = sorted(path.parent.glob("libggml-base.*"))
    if not found:
        message = f"there is no libggml-base beside {path.name}"
        raise EnvironmentLacks(message, "build the variant with shared libraries")
    return found[0].resolve()


def _file_of(library: Library, symbol: str) -> Path:
    return Path(load_extension().file_at(library.found(symbol)))
