"""The main story: from a name to a verified tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.store.paths import scratch_dir
from llamabuild.types.inputs import Source

from .archive import unpack
from .cached import CachedTree, cached_tree, is_cached
from .digest import file_sha256, tree_digest
from .git import export, resolved_commit
from .ledger import record, recorded
from .pins import load_pins, pin_for
from .pip import download
from .progress import silent
from .spec import GitSpec, PathSpec, PypiSpec, parse_source
from .tree import check_tree, ggml_version

if TYPE_CHECKING:
    from .progress import Progress

WORKING_TREE = "working tree"


def resolve_source(spec: str | None = None, *, on_progress: Progress | None = None) -> Source:
    """Return a verified llama.cpp tree, fetched if the cache does not have it.

    Args:
        spec: ``pypi:NAME==VERSION[#sha256=...]``, ``git:URL@REF`` or ``path:DIR``; the pinned
            default if None.
        on_progress: Receives a line for each thing that takes time.

    Raises:
        BadInput: The name is wrong, the archive is not what it should be, or there is no
            llama.cpp in it.
        EnvironmentLacks: The network, a tool or disk space is missing.
    """
    parsed = parse_source(spec or load_pins().default)
    tell = on_progress or silent
    match parsed:
        case PypiSpec():
            return _from_pypi(parsed, tell)
        case GitSpec():
            return _from_git(parsed, tell)
        case PathSpec():
            return _from_folder(parsed)


def at_hand(spec: str) -> bool:
    """Whether a source can be resolved without fetching or asking anything.

    Raises:
        BadInput: The name is wrong.
    """
    match parse_source(spec):
        case PypiSpec() as parsed:
            sha256 = _known_sha256(parsed)
            return bool(sha256) and is_cached(sha256)
        case GitSpec():
            return False  # what a branch means is asked each time
        case PathSpec():
            return True


def resolve_again(source: Source, *, on_progress: Progress | None = None) -> Source:
    """Return the tree that a stored source was, which for a branch is no longer what it means now.

    Raises:
        BadInput: As :func:`resolve_source`.
        EnvironmentLacks: As :func:`resolve_source`.
    """
    parsed = parse_source(source.spec)
    if not isinstance(parsed, GitSpec):
        return resolve_source(source.spec, on_progress=on_progress)
    recorded_commit = GitSpec(url=parsed.url, ref=source.version)
    found = _from_git(recorded_commit, on_progress or silent)
    return msgspec.structs.replace(found, spec=source.spec)


def verify_source(source: Source) -> None:
    """Read the whole tree again and compare it with the source's digest.

    Raises:
        BadInput: It changed.
    """
    digest = tree_digest(Path(source.tree))
    if digest != source.digest:
        message = f"{source.spec} changed in {source.tree}: digest {digest}, was {source.digest}"
        raise BadInput(message, "start again from this state, or restore it")


def _from_pypi(spec: PypiSpec, tell: Progress) -> Source:
    pin = pin_for(spec.name, spec.version)
    subtree = pin.tree if pin else ""
    name = str(PypiSpec(name=spec.name, version=spec.version))
    sha256 = _known_sha256(spec)

    def fetch(expected: str, scratch: Path) -> Path:
        tell(f"fetching {name} with pip")
        return download(
            spec.name, spec.version, kind="sdist", sha256=expected, into=scratch, on_progress=tell
        )

    if sha256:

        def make(files: Path) -> None:
            with scratch_dir("pip-") as scratch:
                unpack(fetch(sha256, Path(scratch)), files, subtree=subtree)

        cached = cached_tree(sha256, make, what=name, on_progress=tell)
    else:
        with scratch_dir("pip-") as scratch:
            archive = fetch("", Path(scratch))
            sha256 = file_sha256(archive)
            cached = cached_tree(
                sha256, lambda files: unpack(archive, files), what=name, on_progress=tell
            )
        record(name, sha256)
        tell(f"{name} was not known; from now on it must have SHA-256 {sha256}")
    return _source(str(spec), spec.version, cached, archive_sha256=sha256)


def _known_sha256(spec: PypiSpec) -> str:
    """What its archive must have; empty for one that was never fetched."""
    pin = pin_for(spec.name, spec.version)
    name = str(PypiSpec(name=spec.name, version=spec.version))
    return spec.sha256 or (pin.sha256 if pin else "") or recorded(name)


def _from_git(spec: GitSpec, tell: Progress) -> Source:
    commit = resolved_commit(spec, tell)

    def make(files: Path) -> None:
        with scratch_dir("git-") as scratch:
            archive = Path(scratch) / f"{commit}.tar"
            export(spec.url, commit, archive)
            unpack(archive, files)

    cached = cached_tree(f"git-{commit}", make, what=str(spec), on_progress=tell)
    return _source(str(spec), commit, cached)


def _from_folder(spec: PathSpec) -> Source:
    tree = Path(spec.folder).expanduser().absolute()
    if not tree.is_dir():
        message = f"source '{spec}': there is no folder {tree}"
        raise BadInput(message, "name the folder with llama.cpp's CMakeLists.txt")
    check_tree(tree, f"folder {tree}")
    cached = CachedTree(folder=tree, digest=tree_digest(tree), ggml_version=ggml_version(tree))
    return _source(str(spec), WORKING_TREE, cached)


def _source(spec: str, version: str, tree: CachedTree, *, archive_sha256: str = "") -> Source:
    return Source(
        spec=spec,
        version=version,
        digest=tree.digest,
        archive_sha256=archive_sha256,
        tree=str(tree.folder),
        ggml_version=tree.ggml_version,
    )
