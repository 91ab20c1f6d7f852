"""The cache of unpacked trees: ``sources/<key>/`` with ``files/`` and a manifest.

A folder appears there complete, by a rename, or not at all. Before each use its names, sizes and
times are compared with the manifest; if they differ, its content is, and what is damaged is made
again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, scratch_dir
from llamabuild.store.trouble import replace_file
from llamabuild.store.usage import mark_used
from llamabuild.types.base import Data

from .digest import quick_signature, tree_digest
from .tree import find_tree, ggml_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from .progress import Progress

MANIFEST = "manifest.json"


class Manifest(Data, frozen=True):
    """What a cached tree is."""

    key: str
    tree: str
    """The tree's folder, relative to ``files/``."""
    digest: str
    signature: str
    """Changes when any file was touched; see :func:`~.digest.quick_signature`."""
    ggml_version: str


class CachedTree(Data, frozen=True):
    """A tree that is in the cache."""

    folder: Path
    """The top of the llama.cpp tree."""
    digest: str
    ggml_version: str


def cached_tree(
    key: str, make: Callable[[Path], None], *, what: str, on_progress: Progress
) -> CachedTree:
    """Return a tree from the cache; make and publish it first if it is not there.

    Args:
        key: Identity of the content: an archive's SHA-256 or ``git-`` and a commit.
        make: Fills a folder that is not there yet with the unpacked files.
        what: The source's name for people.
        on_progress: Told about waiting, damage and making.

    Raises:
        BadInput: There is no llama.cpp in it; or whatever ``make`` raises. Nothing is kept then.
    """
    folder = cache_dir("sources") / key
    found = _intact(folder, key)
    if found:
        mark_used(folder)
        return found
    waiting = f"waiting for another process that fetches {what}"
    with named_lock(f"source-{key}", lambda: on_progress(waiting)):
        found = _intact(folder, key)
        if found:
            return found
        with scratch_dir("source-") as scratch:
            if folder.exists():
                on_progress(f"the cached copy of {what} is damaged and is made again")
                folder.rename(Path(scratch) / "damaged")
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            make(fresh / "files")
            _describe(fresh, key, what)
            fresh.rename(folder)
    found = _intact(folder, key)
    assert found is not None
    return found


def is_cached(key: str) -> bool:
    """Whether an intact tree of this content is in the cache."""
    return _intact(cache_dir("sources") / key, key) is not None


def _describe(folder: Path, key: str, what: str) -> None:
    """Write the manifest of a folder that is to be published."""
    files = folder / "files"
    tree = find_tree(files, what)
    manifest = Manifest(
        key=key,
        tree=tree.relative_to(files).as_posix(),
        digest=tree_digest(tree),
        signature=quick_signature(tree),
        ggml_version=ggml_version(tree),
    )
    _write(folder, manifest)


def _intact(folder: Path, key: str) -> CachedTree | None:
    """Return what is published in a folder; None if nothing is, or if it is damaged."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    tree = folder / "files" / manifest.tree
    if manifest.key != key or not tree.is_dir():
        return None
    signature = quick_signature(tree)
    if signature != manifest.signature:
        # A copied or restored cache has other times but the same content.
        if tree_digest(tree) != manifest.digest:
            return None
        with suppress(EnvironmentLacks):  # in a read-only cache it is found out anew each time
            _write(folder, msgspec.structs.replace(manifest, signature=signature))
    return CachedTree(folder=tree, digest=manifest.digest, ggml_version=manifest.ggml_version)


def _write(folder: Path, manifest: Manifest) -> None:
    replace_file(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
