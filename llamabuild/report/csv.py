"""CSV: one row a trial, a comparison, a function that ran, or a build."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from llamabuild.report.rows import comparison_rows, cost_rows, execution_rows, trial_rows
from llamabuild.report.sweep_rows import sweep_rows

if TYPE_CHECKING:
    from llamabuild.report.material import Material
    from llamabuild.report.rows import Row

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def trials_csv(material: Material) -> str:
    """Return one row a trial with every field that llama-bench printed."""
    return rows_csv(trial_rows(material))


def comparisons_csv(material: Material) -> str:
    """Return one row a variant and workload."""
    return rows_csv(comparison_rows(material.document))


def executions_csv(material: Material) -> str:
    """Return one row a variant, workload and function that was seen to run."""
    return rows_csv(execution_rows(material.document))


def costs_csv(material: Material) -> str:
    """Return one row a variant with what its build cost."""
    return rows_csv(cost_rows(material.document))


def sweep_csv(material: Material) -> str:
    """Return one row a point of a sweep and workload."""
    return rows_csv(sweep_rows(material.document))


def rows_csv(rows: list[Row]) -> str:
    """Return rows under one header of all their columns."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_cell(column) for column in columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever llama-bench printed
    """Write a cell; text that a spreadsheet would run as a formula gets an apostrophe."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
