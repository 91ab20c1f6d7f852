"""What a user may name as a source: ``pypi:NAME==VERSION``, ``git:URL@REF`` or ``path:DIR``."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.base import Data

EXAMPLES = {
    "pypi": "pypi:llama-cpp-python==0.3.36",
    "git": "git:https://github.com/ggml-org/llama.cpp@master",
    "path": "path:../llama.cpp",
}
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
SHA256 = re.compile(r"[0-9a-f]{64}")
URL = re.compile(r"(?:https|ssh|git)://[^/\s]+/\S+|file:///\S+|[\w.-]+@[\w.-]+:\S+")
"""URLs of the transports that are allowed, and ssh's short form ``user@host:path``."""
REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class PypiSpec(Data, frozen=True):
    """An sdist of a Python package index."""

    name: str
    """Normalised."""
    version: str
    sha256: str = ""
    """What the user says the archive's SHA-256 is; empty if nothing was said."""

    def __str__(self) -> str:
        wanted = f"#sha256={self.sha256}" if self.sha256 else ""
        return f"pypi:{self.name}=={self.version}{wanted}"


class GitSpec(Data, frozen=True):
    """A commit of a git repository."""

    url: str
    ref: str
    """Branch, tag or full commit hash."""

    def __str__(self) -> str:
        return f"git:{self.url}@{self.ref}"

    @property
    def is_commit(self) -> bool:
        """``ref`` is a full commit hash, which never changes its meaning."""
        return COMMIT.fullmatch(self.ref) is not None


class PathSpec(Data, frozen=True):
    """A folder of the user's, taken as it is."""

    folder: str

    def __str__(self) -> str:
        return f"path:{self.folder}"


SourceSpec = PypiSpec | GitSpec | PathSpec


def parse_source(spec: str) -> SourceSpec:
    """Read a source as the user named it; nothing is looked up.

    Raises:
        BadInput: It is none of the three forms.
    """
    kind, colon, rest = spec.partition(":")
    if colon and kind == "pypi":
        return _pypi(spec, rest)
    if colon and kind == "git":
        return _git(spec, rest)
    if colon and kind == "path":
        if not rest or "\0" in rest:
            raise _bad(spec, "no folder is named", EXAMPLES["path"])
        return PathSpec(folder=rest)
    hint = did_you_mean(kind, EXAMPLES) if colon else ""
    if not hint and "\0" not in spec and Path(spec).is_dir():
        hint = f"did you mean 'path:{spec}'?"
    message = f"source '{spec}' is none of pypi:, git: and path:"
    raise BadInput(message, hint or "write it like " + " or ".join(EXAMPLES.values()))


def _pypi(spec: str, rest: str) -> PypiSpec:
    requirement, _, fragment = rest.partition("#")
    name, equals, version = requirement.partition("==")
    if not equals:
        raise _bad(spec, "the version is missing", EXAMPLES["pypi"])
    if not NAME.fullmatch(name):
        raise _bad(spec, f"'{name}' is not a project name", EXAMPLES["pypi"])
    try:
        version = str(Version(version))
    except InvalidVersion:
        raise _bad(spec, f"'{version}' is not a version", EXAMPLES["pypi"]) from None
    sha256 = fragment.removeprefix("sha256=").lower()
    if fragment and not SHA256.fullmatch(sha256):
        example = EXAMPLES["pypi"] + "#sha256=<64 hexadecimal digits>"
        raise _bad(spec, f"'#{fragment}' is not a SHA-256", example)
    return PypiSpec(name=canonicalize_name(name), version=version, sha256=sha256)


def _git(spec: str, rest: str) -> GitSpec:
    url, at, ref = rest.rpartition("@")
    if not at or not URL.fullmatch(url):
        why = "it needs a URL (https, ssh, git or file) and then @ and a branch, tag or commit"
        raise _bad(spec, why, EXAMPLES["git"])
    if not REF.fullmatch(ref) or ".." in ref:
        raise _bad(spec, f"'{ref}' is not a branch, tag or commit", EXAMPLES["git"])
    return GitSpec(url=url, ref=ref)


def _bad(spec: str, why: str, example: str) -> BadInput:
    return BadInput(f"source '{spec}': {why}", f"write it like {example}")
