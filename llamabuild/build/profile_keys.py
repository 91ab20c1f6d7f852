"""Names of profiles: hashes of all that a profile is made from.

A key has two parts: the program (instrumented build, source, compiler, flags, training) and the
model. A profile of another source or compiler has another key, so it is never taken.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from llamabuild.store.profiles import latest_profile, load_profile

from .training import training_digest

if TYPE_CHECKING:
    from llamabuild.types.build import Profile

PROGRAM_LENGTH, MODEL_LENGTH = 16, 8
ANY_MODEL = ""


def program_key(*made_from: str) -> str:
    """Return the first part of a key: what was instrumented, by what, and how it is trained."""
    identity = msgspec.json.encode([*made_from, training_digest()])
    return hashlib.sha256(identity).hexdigest()[:PROGRAM_LENGTH]


def profile_key(program: str, model_sha256: str) -> str:
    """Return the whole key; of a program on no particular model for :data:`ANY_MODEL`."""
    return f"{program}-{model_sha256[:MODEL_LENGTH] or 'model'}"


def find_profile(program: str, model_sha256: str) -> Profile | None:
    """Return a program's profile by its model; for :data:`ANY_MODEL` the one used last."""
    if not model_sha256:
        return latest_profile(program)
    profile = load_profile(profile_key(program, model_sha256))
    # The key has the beginning of the model's digest only.
    return profile if profile is not None and profile.model_sha256 == model_sha256 else None
