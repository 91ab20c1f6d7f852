"""Fetches single commits of git repositories into one bare repository a URL.

Submodules are not followed: llama.cpp needs none.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.process import run, tool_path
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir
from llamabuild.store.usage import mark_used

from .ledger import record, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.process import Finished

    from .progress import Progress
    from .spec import GitSpec

ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "https:ssh:git:file",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "C",
}
NO_SUCH_REF = re.compile(r"couldn't find remote ref|not our ref|no such remote ref", re.IGNORECASE)
INSTALL = "install git (apt-get install git)"


def resolved_commit(spec: GitSpec, on_progress: Progress) -> str:
    """Return the commit that a branch, tag or hash means now; it is in the repository then.

    Without a network, a full hash that was fetched before needs none, and a branch or tag means
    what it meant last time; ``on_progress`` is told so.

    Raises:
        BadInput: The repository has no such branch, tag or commit.
        EnvironmentLacks: git is missing, or the repository cannot be reached.
    """
    with named_lock(f"git-{_key(spec.url)}", lambda: on_progress(f"waiting for {spec.url}")):
        repository = _repository(spec.url)
        if spec.is_commit and _has(repository, spec.ref):
            return spec.ref
        on_progress(f"git: fetching {spec.ref} of {spec.url}, without submodules")
        fetched = _git(
            repository,
            *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"),
            *("--no-auto-maintenance", "--no-write-fetch-head", "--force"),
            *("--", spec.url, f"{spec.ref}:refs/fetched/{spec.ref}"),
        )
        if fetched.ok:
            head = _git(repository, "rev-parse", "--verify", f"refs/fetched/{spec.ref}^{{commit}}")
            if not head.ok:
                message = f"'{spec.ref}' of {spec.url} is not a commit"
                raise BadInput(message, "name a branch, a tag or a full commit hash")
            commit = head.stdout.strip()
            record(str(spec), commit)
            return commit
        return _known_commit(spec, repository, fetched, on_progress)


def export(url: str, commit: str, archive: Path) -> None:
    """Write the tree of a commit that was fetched as a tar file.

    Raises:
        EnvironmentLacks: git fails, such as for want of disk space.
    """
    done = _git(_repository(url), "archive", "--format=tar", f"--output={archive}", commit)
    if not done.ok:
        message = f"git cannot export {commit} of {url} ({done.failure()})"
        raise EnvironmentLacks(message, "check the disk space")


def _known_commit(spec: GitSpec, repository: Path, fetched: Finished, on_progress: Progress) -> str:
    """What a name meant last time, when it cannot be fetched now."""
    reason = _last_line(fetched)
    if NO_SUCH_REF.search(fetched.stderr):
        message = f"{spec.url} has no '{spec.ref}'"
        raise BadInput(message, "name a branch, a tag or a full commit hash")
    commit = recorded(str(spec))
    if commit and _has(repository, commit):
        on_progress(f"{spec.url} cannot be reached; {spec.ref} is taken as the cached {commit}")
        return commit
    message = f"git cannot fetch {spec.ref} of {spec.url} ({reason})"
    raise EnvironmentLacks(message, "check the URL, the network and your access to it")


def _repository(url: str) -> Path:
    """The bare repository of a URL, made if it is not there."""
    folder = cache_dir("git") / f"{_key(url)}.git"
    if not (folder / "HEAD").is_file():
        made = run(
            [tool_path("git", INSTALL), "init", "--quiet", "--bare", "--template=", "--", folder],
            environment=ENVIRONMENT,
        )
        if not made.ok:
            message = f"git cannot make a repository in {folder} ({made.failure()})"
            raise EnvironmentLacks(message)
    mark_used(folder)
    return folder


def _has(repository: Path, commit: str) -> bool:
    return _git(repository, "cat-file", "-e", f"{commit}^{{tree}}").ok


def _git(repository: Path, *arguments: str) -> Finished:
    # GIT_DIR of a hook that we may run under must not win, hence --git-dir.
    return run(
        [tool_path("git", INSTALL), f"--git-dir={repository}", *arguments],
        environment=ENVIRONMENT,
    )


def _last_line(finished: Finished) -> str:
    """What git says is fatal, without the advice below it."""
    lines = [line for line in finished.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    return lines[0] if lines else finished.failure()


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
