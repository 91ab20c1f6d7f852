"""What was seen to run: the document's part."""

from __future__ import annotations

import fnmatch
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.document import ExecutionInfo
from llamabuild.report.execution_words import execution_sentence, is_waiting, is_waiting_library
from llamabuild.report.portable import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.types.proof import Execution


def execution_info(execution: Execution) -> ExecutionInfo:
    """Return one workload of one arm for the document, cleaned."""
    functions = tuple(
        msgspec.structs.replace(
            function, name=clean(function.name), library=clean(function.library)
        )
        for function in execution.functions
    )
    libraries = {clean(name): share for name, share in execution.libraries.items()}
    own = msgspec.structs.replace(execution, functions=functions, libraries=libraries)
    return ExecutionInfo(
        workload=execution.workload,
        sentence=clean(execution_sentence(own)),
        method=clean(execution.method),
        samples=execution.samples,
        functions=functions,
        libraries=libraries,
        loaded=tuple(clean(name) for name in execution.loaded),
        waiting=_waiting(own),
        reason=clean(execution.reason),
    )


@cache
def facts() -> dict[str, dict[str, list[str]]]:
    """Return the patterns of ``execution.toml``."""
    text = files(__package__).joinpath("execution.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name matches one of several patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _waiting(execution: Execution) -> float:
    inside = sum(share for name, share in execution.libraries.items() if is_waiting_library(name))
    by_name = [function for function in execution.functions if is_waiting(function)]
    listed = sum(f.share for f in by_name if is_waiting_library(f.library))
    # The shares of whole libraries include functions too small to be listed.
    return max(inside, listed) + sum(f.share for f in by_name if not is_waiting_library(f.library))
