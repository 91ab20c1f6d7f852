"""All that a reader needs to do it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.document import VariantResult
    from llamabuild.report.material import Material


def recipe(variant: VariantResult) -> str:
    """Return the commands that make a variant's build, one a line."""
    if variant.build is None:
        return ""
    return "\n".join(shlex.join(command) for command in variant.build.commands)


def _context(material: Material) -> dict[str, Any]:
    document = material.document
    recipes = [(variant, recipe(variant)) for variant in document.variants if variant.settings]
    return {"command": shlex.join(document.run.command), "recipes": recipes}


REPEAT = Section("repeat", "Repeat it", _context)
