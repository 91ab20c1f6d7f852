"""Profiles of training runs: content-addressed folders, published by rename, verified before use.

``profiles/<key>/`` holds ``manifest.json`` (a :class:`~llamabuild.types.build.Profile`) and
``data/``. The key says what the profile was made from; the manifest's digest says what its data
must be, and is part of the id of every build that uses it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.types.build import Profile

from .builds import MANIFEST, sha256_of
from .paths import cache_dir
from .usage import forget_use, last_used

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = "data"


def profile_folder(key: str) -> Path:
    """Return the folder in which a profile is, or will be, published."""
    return cache_dir("profiles") / key


def profile_data(key: str) -> Path:
    """Return the folder of a published profile's data."""
    return profile_folder(key) / DATA


def load_profile(key: str) -> Profile | None:
    """Return a published profile, or None if there is none, it is damaged or another's.

    The whole data is read for its digest: a few megabytes.
    """
    folder = profile_folder(key)
    try:
        profile = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Profile)
        intact = profile.key == key and data_digest(folder / DATA) == profile.sha256
    except (OSError, msgspec.DecodeError):
        return None
    return profile if intact else None


def latest_profile(program: str) -> Profile | None:
    """Return the profile of a program that was used last, whatever the model."""
    folders = sorted(cache_dir("profiles").glob(f"{program}-*"), key=last_used, reverse=True)
    found = (load_profile(folder.name) for folder in folders)
    return next((profile for profile in found if profile is not None), None)


def published_profiles() -> Iterator[tuple[str, Profile | None]]:
    """Yield every key in the store with its profile; None where it is damaged."""
    for folder in sorted(cache_dir("profiles").iterdir()):
        yield folder.name, load_profile(folder.name)


def publish_profile(profile: Profile, staged: Path) -> None:
    """Write the manifest into a staged folder and rename it into the store.

    ``staged`` must lie in the cache and hold ``data/``. What stood under this key is replaced.

    Raises:
        EnvironmentLacks: The disk is full.
    """
    folder = profile_folder(profile.key)
    try:
        with (staged / MANIFEST).open("wb") as manifest:
            manifest.write(msgspec.json.format(msgspec.json.encode(profile), indent=1))
            manifest.flush()
            os.fsync(manifest.fileno())
        if folder.exists():
            doomed = cache_dir("scratch") / f"discarded-{profile.key}-{os.getpid()}"
            folder.rename(doomed)
            forget_use(folder)
            shutil.rmtree(doomed)
        staged.rename(folder)
    except OSError as error:
        message = f"cannot store the profile in {cache_dir()} ({error.strerror})"
        raise EnvironmentLacks(message, "free some disk space: 'llamabuild cache gc'") from error


def data_digest(folder: Path) -> str:
    """Return the SHA-256 over names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            digest.update(f"{len(name)} {name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def data_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
