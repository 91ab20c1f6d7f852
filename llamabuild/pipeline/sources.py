"""Source trees of a run: the baseline's, those of variants that name their own, and versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, BuildFailed, LlamabuildError
from llamabuild.source import resolve_again, resolve_source
from llamabuild.source.spec import GitSpec, PathSpec, PypiSpec, parse_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.source.spec import SourceSpec
    from llamabuild.types.inputs import Source
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Variant

    from .observer import Observer

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
COMMIT_LETTERS = 9


class Sources:
    """The trees of a run, each fetched once, when it is first needed."""

    def __init__(self, baseline: Source, observer: Observer) -> None:
        self.baseline = baseline
        self._observer = observer
        self._known: dict[str, Source | LlamabuildError] = {baseline.spec: baseline}

    def of(self, variant: Variant) -> Source:
        """Return the tree that a variant is built from.

        Raises:
            BadInput: Its name is wrong.
            BuildFailed: It cannot be had; said again at once for each variant that needs it.
        """
        spec = str(parse_source(variant.source))
        if spec not in self._known:
            try:
                self._known[spec] = resolve_source(spec, on_progress=self._observer.note)
            except LlamabuildError as error:
                self._known[spec] = error
        known = self._known[spec]
        if isinstance(known, LlamabuildError):
            message = f"{variant.name}: its source cannot be had: {known.message}"
            raise BuildFailed(message, known.remedy)
        return known

    def check_unchanged(self, arm: Arm) -> Source | None:
        """Return the tree of a stored arm as it is now; None for the baseline's.

        Raises:
            BadInput: It has changed since the arm was built.
            EnvironmentLacks: It cannot be had any more.
        """
        if arm.source is None or arm.variant is None:
            return None
        spec = arm.source.spec
        if spec not in self._known:
            self._known[spec] = resolve_again(arm.source, on_progress=self._observer.note)
        now = self.of(arm.variant)
        if now.digest != arm.source.digest:
            message = f"the source {arm.source.spec} of {arm.name} has changed since the run"
            raise BadInput(message, "begin a new run")
        return now


def lacking_files(variant: Variant, source: Source) -> str:
    """Return why a tree is none for a variant that needs some file of it, or the empty string."""
    tree = Path(source.tree)
    missing = [name for name in variant.requires.source_files if not (tree / name).is_file()]
    if not missing:
        return ""
    return f"its source ({source.version or source.spec}) has no {', '.join(missing)}"


def source_labels(specs: Sequence[str]) -> dict[str, str]:
    """Return a short name for each source, all different, by the order in which they stand.

    A package's version, a branch or an abbreviated commit, a folder's name; the package's name
    and at last a number where that is not enough to tell them apart.

    Raises:
        BadInput: One is not a source.
    """
    labels: dict[str, str] = {}
    for parsed in dict.fromkeys(map(parse_source, specs)):
        short, long = _names(parsed)
        taken = set(labels.values())
        numbered = (f"{long}-{number}" for number in range(2, len(specs) + 2))
        labels[str(parsed)] = next(name for name in (short, long, *numbered) if name not in taken)
    return labels


def _names(parsed: SourceSpec) -> tuple[str, str]:
    """A short and a longer name, of characters that a file name may have."""
    match parsed:
        case PypiSpec():
            names = parsed.version, f"{parsed.name}-{parsed.version}"
        case GitSpec():
            ref = parsed.ref[:COMMIT_LETTERS] if parsed.is_commit else parsed.ref
            names = ref, f"{Path(parsed.url).stem}-{ref}"
        case PathSpec():
            folder = Path(parsed.folder).expanduser().absolute()
            names = folder.name, f"{folder.parent.name}-{folder.name}"
    short, long = (NOT_IN_NAMES.sub("-", name).strip("-") or "tree" for name in names)
    return short, long
