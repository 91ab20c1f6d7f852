"""Which distribution this is, as far as it decides how a package is called."""

from __future__ import annotations

import platform
from functools import cache

STABLE = "debian:stable-slim"


@cache
def is_ubuntu() -> bool:
    """Tell whether this is Ubuntu or made from it, where some packages are not Debian's."""
    release = _release()
    return "ubuntu" in (release.get("ID", ""), *release.get("ID_LIKE", "").split())


@cache
def debian_version() -> int | None:
    """Return the number of the Debian release; None elsewhere and on unnumbered ones."""
    release = _release()
    number = release.get("VERSION_ID", "")
    return int(number) if release.get("ID") == "debian" and number.isdigit() else None


def container_image() -> str:
    """Return the container image of this distribution; Debian's stable one for others."""
    release = _release()
    name, number = release.get("ID", ""), release.get("VERSION_ID", "")
    images = {"debian": f"debian:{number}-slim", "ubuntu": f"ubuntu:{number}"}
    return images.get(name, STABLE) if number else STABLE


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
