"""What the profile-guided builds were trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.material import Material
    from llamabuild.types.build import Profile


def profiles(document: Document) -> list[tuple[Profile, list[str]]]:
    """Return each different profile once, with the builds that it went into."""
    found: dict[str, tuple[Profile, list[str]]] = {}
    for variant in document.variants:
        for profile in variant.build.profiles if variant.build else ():
            found.setdefault(profile.key, (profile, []))[1].append(variant.name)
    return list(found.values())


def _context(material: Material) -> dict[str, Any] | None:
    found = profiles(material.document)
    return {"profiles": found} if found else None


PROFILES = Section("profiles", "Profiles", _context)
