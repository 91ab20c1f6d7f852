"""Downloads one archive with the user's own pip, so that its mirrors, proxies and keys work.

With a known hash pip compares it before it opens the archive. pip then asks an sdist for its
metadata, which runs the build backend that the sdist names: with a hash that is the code that was
pinned; without one it is whatever the index serves, as with any ``pip install``.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.process import run

from .digest import file_sha256

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.errors import LlamabuildError
    from llamabuild.process import Finished

    from .progress import Progress

FORMATS = {"sdist": "--no-binary", "wheel": "--only-binary"}
GOT = re.compile(r"^\s*Got\s+([0-9a-f]{64})\s*$", re.MULTILINE)
VERSIONS = re.compile(r"\(from versions: ([^)]*)\)")
UNREACHABLE = re.compile(
    r"connection|name resolution|timed out|timeout|proxy|certificate|SSL|network is unreachable",
    re.IGNORECASE,
)
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")
CHECK_NETWORK = "check the network and pip's own settings ('pip config list', HTTPS_PROXY)"


def download(
    name: str, version: str, *, kind: str, sha256: str, into: Path, on_progress: Progress
) -> Path:
    """Download one archive and verify it.

    Args:
        name: Project name; checked by the caller to be one.
        version: Version; checked by the caller to be one.
        kind: ``sdist`` or ``wheel``.
        sha256: What the archive must have; empty if it is not known yet.
        into: A scratch folder of this call alone.
        on_progress: Receives what pip says it does.

    Returns:
        The archive, below ``into``.

    Raises:
        BadInput: There is no such version, or its hash is another one.
        EnvironmentLacks: pip is missing, or cannot reach an index, or fails otherwise.
    """
    requirement = f"{name}=={version}"
    hashed = f"{requirement} --hash=sha256:{sha256}" if sha256 else requirement
    requirements = into / "requirements.txt"
    requirements.write_text(hashed + "\n", encoding="utf-8")
    temporary, folder = into / "tmp", into / "archives"
    temporary.mkdir()
    folder.mkdir()
    finished = run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps", FORMATS[kind], name),
            *(["--require-hashes"] if sha256 else []),
            *("-r", requirements, "-d", folder),
            *("--no-input", "--progress-bar", "off", "--disable-pip-version-check"),
        ],
        environment={"TMPDIR": str(temporary), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
        on_line=lambda line: _tell(line, on_progress),
    )
    archives = sorted(folder.iterdir())
    if not finished.ok or len(archives) != 1:
        raise explained(finished, requirement, sha256)
    got = file_sha256(archives[0])
    if sha256 and got != sha256:
        raise wrong_hash(requirement, sha256, got)
    return archives[0]


def wrong_hash(what: str, expected: str, got: str) -> BadInput:
    """Return the error for an archive that is not the expected one."""
    message = f"{what} has SHA-256 {got}, expected {expected}; nothing of it was kept"
    return BadInput(message, "compare with the publisher's hash before you trust either")


def explained(finished: Finished, requirement: str, sha256: str) -> LlamabuildError:
    """Turn pip's failure into one line.

    Args:
        finished: What pip said.
        requirement: ``NAME==VERSION``.
        sha256: The expected hash; empty if none was known.
    """
    text = finished.stderr + finished.stdout
    got = GOT.search(text)
    if got and "DO NOT MATCH THE HASHES" in text:
        return wrong_hash(requirement, sha256, got[1])
    if "No module named pip" in text:
        message = f"{requirement} cannot be downloaded: this Python has no pip"
        return EnvironmentLacks(message, f"run '{sys.executable} -m ensurepip'")
    if NO_ROOM.search(text):
        message = f"no disk space left to download {requirement}"
        return EnvironmentLacks(message, "free some, then try again")
    versions = VERSIONS.search(text)
    if versions and versions[1] != "none":
        message = f"there is no version of {requirement} that fits this Python"
        name, _, version = requirement.partition("==")
        known = [v.strip() for v in versions[1].split(",")]
        return BadInput(
            message, did_you_mean(version, known) or f"the newest {name} is {known[-1]}"
        )
    if sha256 or not versions or UNREACHABLE.search(text):
        message = f"pip cannot download {requirement} ({_decisive_line(finished)})"
        return EnvironmentLacks(message, CHECK_NETWORK)
    return BadInput(f"pip finds no {requirement}", f"check the name; else {CHECK_NETWORK}")


def _decisive_line(finished: Finished) -> str:
    """The last line that pip marks as an error and that says more than 'see above'."""
    lines = [line.strip() for line in (finished.stdout + finished.stderr).splitlines()]
    marked = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    said = [line for line in marked if not line.startswith("No matching distribution")]
    return said[-1][:300] if said else finished.failure()


def _tell(line: str, on_progress: Progress) -> None:
    text = line.strip()
    if text.startswith("Downloading "):
        on_progress(f"pip: {text}")
