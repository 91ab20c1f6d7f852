"""The page of a profile: one section a workload, then what was lacking, machine and command."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from llamabuild.report import profile_words as words
from llamabuild.report.flame import flame_svg
from llamabuild.report.sections.machine import facts
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.profile_document import ProfileDocument
    from llamabuild.types.profile import WorkloadProfile


def profile_sections(document: ProfileDocument) -> tuple[Section[ProfileDocument], ...]:
    """Return the sections in reading order."""
    each = tuple(
        Section(f"workload-{found.workload}", found.workload, partial(_workload, found))
        for found in document.workloads
    )
    return (
        Section("answer", "", _answer),
        *each,
        Section("lacking", "What could not be had here", _lacking),
        Section("machine", "Machine", _machine),
        Section("repeat", "Repeat it", _repeat),
    )


def _answer(document: ProfileDocument) -> dict[str, Any]:
    return {
        "sentences": [
            f"{found.workload}: {found.reason or found.verdict.sentence}"
            for found in document.workloads
        ]
    }


def _workload(found: WorkloadProfile, _document: ProfileDocument) -> dict[str, Any]:
    how, misses = words.miss_rows(found)
    title = f"Calls during {found.workload}"
    # Escaped by the XML writer, from names that were cleaned.
    picture = Markup(flame_svg(found.flame, title, standalone=False))  # noqa: S704
    return {"found": found, "words": words, "misses": misses, "how": how, "picture": picture}


def _lacking(document: ProfileDocument) -> dict[str, Any] | None:
    return {"notes": document.notes} if document.notes else None


def _machine(document: ProfileDocument) -> dict[str, Any]:
    return {"facts": facts(document.machine), "features": document.machine.cpu.features}


def _repeat(document: ProfileDocument) -> dict[str, Any]:
    return {"command": shlex.join(document.run.command)}
