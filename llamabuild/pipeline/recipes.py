"""What names of variants come to, so that two that come to the same are not compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.kinds import GROUNDS
from llamabuild.variants.resolve import chain_of
from llamabuild.variants.versions import parse_name

if TYPE_CHECKING:
    from llamabuild.compare.attribution import Question
    from llamabuild.variants import Catalogue

SEPARATOR = "+"


@dataclass(frozen=True, slots=True)
class Recipes:
    """The catalogue, asked for what is built and run and not for how it is called."""

    catalogue: Catalogue

    def recipe(self, name: str) -> object:
        """Return all that decides what is built and how it is run; None where a name is no variant.

        Name, description, parts and what is only checked or required are no difference that could
        be measured. The source is the same for all variants of a question.
        """
        try:
            variant = self.catalogue.get(name)
        except BadInput:  # parts that do not go together, or a file that is no longer there
            return None
        runtime = variant.runtime
        return (
            variant.toolchain,
            variant.cmake,
            variant.flags,
            variant.optimize,
            variant.allocator,
            runtime.environment,
            by_option(runtime.bench),
            runtime.threads,
            runtime.launcher,
            runtime.program,
            runtime.mode,
            runtime.quantization,
        )

    def brought_along(self, question: Question) -> dict[str, tuple[str, ...]]:
        """Return, for each part, the variants that it brings along: they are left out with it.

        Those that say which instructions or tree to use are what it stands on; those that are parts
        of the variant without it stay there.
        """
        found = {}
        for part, without in question.without.items():
            stays = without.split(SEPARATOR)
            if gone := tuple(name for name in self._ancestors(part) if name not in stays):
                found[part] = gone
        return found

    def _ancestors(self, part: str) -> tuple[str, ...]:
        """Return what a part adds besides its own file, the nearest first."""
        files = self.catalogue.files
        try:
            own = parse_name(part, files).file
        except BadInput:  # a setting, or 'native instead of avx2': nothing comes with it
            return ()
        names: list[str] = []
        for link in chain_of(own, files):
            if link.name != own and self.catalogue.kind(link.name) in GROUNDS:
                break
            names.append(link.name)
        return tuple(dict.fromkeys(name for name in names if name != own))
