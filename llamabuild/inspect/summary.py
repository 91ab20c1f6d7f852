"""Inspections as plain text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .expectations import function_glob, printable
from .isa import highest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llamabuild.types.inspection import ExpectationResult, FunctionIsa, Inspection

TOP_FUNCTIONS = 15
NAME_WIDTH = 70


def summary(
    inspections: Sequence[Inspection],
    results: Sequence[ExpectationResult],
    function_pattern: str | None,
    skipped: Iterable[Mapping[str, str]] = (),
) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        inspections: What was found.
        results: Of the expectations, if there were any.
        function_pattern: Show the functions that match it instead of those with the most vector
            instructions.
        skipped: ``file`` and ``reason`` of each member that could not be inspected.
    """
    for inspection in inspections:
        yield from _file(inspection)
        yield from _functions(inspection, function_pattern)
        yield ""
    for member in skipped:
        yield printable(f"skipped: {member['file']}: {member['reason']}")
    for result in results:
        yield f"failed: {result.reason}" if result.reason else f"passed: {_expected(result)}"


def _file(inspection: Inspection) -> Iterator[str]:
    yield printable(inspection.file)
    stripped = ", stripped" if inspection.stripped else ""
    yield f"  architecture  {inspection.architecture}{stripped}"
    yield f"  instructions  {inspection.instructions:,}"
    yield f"  vector        {inspection.vector:,} ({_share(inspection)})"
    yield f"  highest       {inspection.highest}"
    if inspection.groups:
        yield "  groups        " + ", ".join(f"{g} {n:,}" for g, n in inspection.groups.items())


def _functions(inspection: Inspection, pattern: str | None) -> Iterator[str]:
    by_vector = sorted(inspection.functions, key=lambda f: (-f.vector, f.address))
    shown = [f for f in by_vector if f.vector][:TOP_FUNCTIONS]
    if pattern is not None:
        shown = list(function_glob(inspection, pattern))
        if not shown:
            yield f"  no function matches '{printable(pattern)}'"
    if not shown:
        return
    yield ""
    yield from _aligned(
        [
            ("vector", "share", "instructions", "highest", "function"),
            *(
                (
                    f"{f.vector:,}",
                    _share(f),
                    f"{f.instructions:,}",
                    highest(f.groups, inspection.architecture),
                    _short(printable(f.name)),
                )
                for f in shown
            ),
        ]
    )
    left = sum(f.vector > 0 for f in by_vector) - len(shown)
    if pattern is None and left > 0:
        yield f"  … and {left:,} more functions with vector instructions"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Numbers to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = 3
    for row in rows:
        cells = [
            cell.rjust(width) if index < numeric else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _share(counts: Inspection | FunctionIsa) -> str:
    return f"{counts.vector / counts.instructions:.0%}" if counts.instructions else "0%"


def _short(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"


def _expected(result: ExpectationResult) -> str:
    expectation = result.expectation
    words = []
    if expectation.require:
        words.append(f"has {', '.join(expectation.require)}")
    if expectation.forbid:
        words.append(f"has no {', '.join(expectation.forbid)}")
    where = "" if expectation.function == "*" else f" in '{expectation.function}'"
    return printable(f"{expectation.binary}{where} {' and '.join(words) or 'is there'}")
