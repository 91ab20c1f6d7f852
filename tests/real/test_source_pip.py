"""The real pip against a folder of archives of our own, without a network."""

from __future__ import annotations

import hashlib
import tarfile

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.source import resolve_source
from llamabuild.store.paths import cache_dir

BACKEND = """
import pathlib
def _ran(*arguments, **keywords):
    pathlib.Path({marker!r}).touch()
def get_requires_for_build_wheel(config_settings=None):
    _ran()
    return []
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    _ran()
    info = pathlib.Path(folder, "x-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: x\\nVersion: 1.0\\n")
    return info.name
def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise RuntimeError("nobody asked for a wheel")
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "x"
version = "1.0"
"""


@pytest.fixture
def sdist(tmp_path, monkeypatch):
    """An sdist in a folder that pip is told to look in; its backend leaves a mark when it runs."""
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "state"))
    project = tmp_path / "x-1.0"
    (project / "vendor/llama.cpp/ggml").mkdir(parents=True)
    (project / "vendor/llama.cpp/CMakeLists.txt").write_text('project("llama.cpp")')
    (project / "vendor/llama.cpp/ggml/CMakeLists.txt").touch()
    (project / "backend.py").write_text(BACKEND.format(marker=str(tmp_path / "ran")))
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1.0\n")
    index = tmp_path / "index"
    index.mkdir()
    with tarfile.open(index / "x-1.0.tar.gz", "w:gz") as archive:
        archive.add(project, arcname="x-1.0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return index / "x-1.0.tar.gz"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_sdist_of_the_users_own_index_is_used(sdist, tmp_path):
    source = resolve_source(f"pypi:x==1.0#sha256={digest(sdist)}")
    assert source.archive_sha256 == digest(sdist)
    assert (tmp_path / source.tree / "CMakeLists.txt").is_file()


def test_nothing_of_a_wrong_archive_is_run_or_kept(sdist, tmp_path):
    wrong = "0" * 64
    with pytest.raises(BadInput) as caught:
        resolve_source(f"pypi:x==1.0#sha256={wrong}")
    assert wrong in str(caught.value)
    assert digest(sdist) in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert list(cache_dir("sources").iterdir()) == []
    assert list(cache_dir("scratch").iterdir()) == []


def test_the_first_use_is_recorded_and_demanded(sdist, tmp_path):
    first = resolve_source("pypi:x==1.0")
    assert first.archive_sha256 == digest(sdist)
    (tmp_path / "cache/sources" / first.archive_sha256).rename(tmp_path / "away")
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(tmp_path / "x-1.0", arcname="x-1.0")
        archive.add(tmp_path / "x-1.0/PKG-INFO", arcname="x-1.0/more")
    with pytest.raises(BadInput, match=first.archive_sha256):
        resolve_source("pypi:x==1.0")


def test_an_unknown_version_is_named_with_a_near_one(sdist):
    with pytest.raises(BadInput, match="no version of x==1.1.*did you mean '1.0'"):
        resolve_source("pypi:x==1.1")


def test_no_archive_at_all(sdist):
    with pytest.raises(BadInput, match="finds no nothing-like-it==1"):
        resolve_source("pypi:nothing-like-it==1")
    with pytest.raises(EnvironmentLacks, match="network"):
        resolve_source(f"pypi:nothing-like-it==1#sha256={'0' * 64}")


def test_an_unreachable_index_is_the_environments_fault(sdist, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "1")
    with pytest.raises(EnvironmentLacks, match="network"):
        resolve_source("pypi:other==1")
