"""The real thing: llama.cpp from its pinned source, built once and kept in the cache."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llamabuild.store.builds import files_folder

VARIANTS = ("generic", "avx2", "native")


def run_llamabuild(*arguments, cwd=None, environment=None):
    """Call the program as a user does; real work, so no time limit here."""
    return subprocess.run(
        [sys.executable, "-m", "llamabuild", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture
def llamabuild():
    """Call the program."""
    return run_llamabuild


@pytest.fixture(scope="session")
def built():
    """Build the variants that the real tests need; name to folder of files."""
    result = run_llamabuild("build", *VARIANTS, "--json")
    assert result.returncode == 0, result.stderr
    rows = {row["variant"]: row for row in json.loads(result.stdout)["builds"]}
    assert set(rows) == set(VARIANTS)
    return {name: files_folder(rows[name]["build"]) for name in VARIANTS}


@pytest.fixture(scope="session")
def kernel_library(built):
    """Return the libggml-cpu of a variant."""

    def find(name: str) -> Path:
        [library] = [p for p in built[name].glob("libggml-cpu.so*") if not p.is_symlink()]
        return library

    return find
