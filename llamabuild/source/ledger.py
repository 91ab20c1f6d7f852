"""What names turned out to mean when they were first looked up.

An sdist without a known hash is taken as it comes the first time; from then on the hash that it
had is demanded. A branch of a repository is remembered with its last commit, for use without a
network. This lives in the state folder: to delete the cache must not mean to trust anew.
"""

from __future__ import annotations

import msgspec

from llamabuild.errors import BadInput
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import state_dir
from llamabuild.store.trouble import replace_file

FILE = "sources.json"


def recorded(spec: str) -> str:
    """Return what was recorded for a source: a SHA-256 or a commit; empty if nothing was.

    Raises:
        BadInput: The record is unreadable.
    """
    return _load().get(spec, "")


def record(spec: str, identity: str) -> None:
    """Record what a source turned out to be; a former record of it is replaced.

    Raises:
        EnvironmentLacks: It cannot be written.
    """
    with named_lock("source-ledger"):
        entries = {**_load(), spec: identity}
        replace_file(state_dir() / FILE, msgspec.json.format(msgspec.json.encode(entries)))


def _load() -> dict[str, str]:
    path = state_dir() / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        message = f"the record of known sources, {path}, cannot be read ({error})"
        raise BadInput(message, "restore it, or delete it to trust every source anew") from error
