"""The whole story: screen, search, confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .confirm import confirm
from .effects import changes_of
from .journal import Journal
from .screen import screen
from .search import search

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.types.optimization import Optimization

    from .lab import Lab


def run_stages(
    record: Optimization, lab: Lab, save: Callable[[Optimization], None]
) -> Optimization:
    """Do what a record lacks of its stages; return it with all of them.

    Stages that it has are not measured again, and every decision comes out as it did: an
    optimization that was stopped goes on as if it had not been.

    Args:
        record: With its levers.
        lab: Builds and measures.
        save: Is given the record after each stage.

    Raises:
        BadInput: The record was made by a version that decides otherwise.
        LlamabuildError: As the lab; the record that was saved last is whole.
    """
    journal = Journal(record, lab, save)
    evidence = screen(journal)
    found = search(journal, evidence)
    confirm(journal, changes_of(found, evidence, record.levers))
    return journal.record
