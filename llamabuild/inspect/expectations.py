"""Expectations held against inspections: the verdict of the gate."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from llamabuild.types.inspection import ExpectationResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llamabuild.types.inspection import FunctionIsa, Inspection
    from llamabuild.types.variant import Expectation

SHOWN_FILES = 3


def check_expectations(
    inspections: Sequence[Inspection], expectations: Iterable[Expectation]
) -> tuple[ExpectationResult, ...]:
    """Hold each expectation against the binaries and functions that it names.

    ``require`` needs one instruction of each group in all matching functions together, ``forbid``
    holds for every one of them. What matches no binary or no function fails.
    """
    return tuple(_check(inspections, expectation) for expectation in expectations)


def function_glob(inspection: Inspection, pattern: str) -> tuple[FunctionIsa, ...]:
    """Return the functions whose demangled name matches a pattern such as ``ggml_vec_dot_*``."""
    return tuple(f for f in inspection.functions if fnmatchcase(f.name, pattern))


def printable(text: str) -> str:
    """Replace what would steer a terminal: names come from the file and may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _check(inspections: Sequence[Inspection], expectation: Expectation) -> ExpectationResult:
    binaries = [i for i in inspections if _file_matches(i.file, expectation.binary)]
    matching = [(i, f) for i in binaries for f in function_glob(i, expectation.function)]
    if not binaries:
        reason = f"no inspected file matches '{expectation.binary}'"
        return _result(expectation, missing=expectation.require, reason=reason)
    files = _listed([i.file for i in binaries])
    if not matching:
        reason = f"{files}: no function matches '{expectation.function}'"
        return _result(expectation, missing=expectation.require, reason=reason)
    found = {group for _, function in matching for group in function.groups}
    missing = tuple(group for group in expectation.require if group not in found)
    present: dict[str, tuple[Inspection, FunctionIsa]] = {}
    for inspection, function in matching:
        for group in expectation.forbid:
            if function.groups.get(group):
                present.setdefault(group, (inspection, function))
    reasons = (*_missing(files, expectation, missing), *_present(present))
    return _result(
        expectation,
        missing=missing,
        present={group: function.name for group, (_, function) in present.items()},
        reason="; ".join(reasons),
    )


def _file_matches(file: str, pattern: str) -> bool:
    """Match the file name, or that of a member without its container and folders."""
    member = file.removesuffix(")").rpartition("(")[2].rpartition("/")[2]
    return fnmatchcase(file, pattern) or fnmatchcase(member, pattern)


def _missing(files: str, expectation: Expectation, missing: tuple[str, ...]) -> Iterator[str]:
    if missing:
        where = (
            ""
            if expectation.function == "*"
            else (f" in functions matching '{expectation.function}'")
        )
        yield f"{files}: no {' or '.join(missing)} instruction{where}"


def _present(present: dict[str, tuple[Inspection, FunctionIsa]]) -> Iterator[str]:
    for group, (inspection, function) in present.items():
        count = function.groups[group]
        plural = "" if count == 1 else "s"
        yield f"{inspection.file}: {count} {group} instruction{plural} in '{function.name}'"


def _listed(files: list[str]) -> str:
    more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
    return ", ".join(files[:SHOWN_FILES]) + more


def _result(
    expectation: Expectation,
    *,
    reason: str,
    missing: tuple[str, ...] = (),
    present: dict[str, str] | None = None,
) -> ExpectationResult:
    return ExpectationResult(
        expectation=expectation,
        passed=not reason,
        missing=missing,
        present=present or {},
        reason=printable(reason),
    )
