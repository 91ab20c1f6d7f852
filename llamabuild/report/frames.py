"""The same data for a notebook: pandas data frames with units in the column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.material import load
from llamabuild.report.rows import comparison_rows, inspection_rows, run_row, trial_rows

if TYPE_CHECKING:
    import pandas as pd

    from llamabuild.report.rows import Row

LATEST = "latest"


def runs() -> pd.DataFrame:
    """Return one row a stored run, indexed by its id."""
    from llamabuild.store.results import Results  # noqa: PLC0415 - only when asked

    with Results.open() as results:
        frame = _frame([run_row(run) for run in results.runs()])
    return frame if frame.empty else frame.set_index("run")


def trials(run: str = LATEST) -> pd.DataFrame:
    """Return one row a trial: durations in ``samples_ns``, llama-bench's fields as ``bench_…``.

    Args:
        run: Id, unique start of one, or ``latest``.

    Raises:
        BadInput: There is no such run.
    """
    return _frame(trial_rows(load(run)))


def comparisons(run: str = LATEST) -> pd.DataFrame:
    """Return one row a variant and workload, with ratio, interval and verdict.

    Raises:
        BadInput: There is no such run.
    """
    return _frame(comparison_rows(load(run).document))


def inspections(run: str = LATEST) -> pd.DataFrame:
    """Return one row a variant, file and function, with instructions by ISA group.

    Raises:
        BadInput: There is no such run.
    """
    frame = _frame(inspection_rows(load(run).run))
    groups = [column for column in frame.columns if column.startswith("group_")]
    frame[groups] = frame[groups].fillna(0).astype("int64")
    return frame


def _frame(rows: list[Row]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - slow to load

    return pd.DataFrame(rows)
