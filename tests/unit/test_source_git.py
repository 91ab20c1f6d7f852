from __future__ import annotations

import shutil
import subprocess

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.source import resolve_again, resolve_source, verify_source

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


class Repository:
    def __init__(self, folder):
        self.folder = folder
        (folder / "ggml").mkdir(parents=True)
        (folder / "CMakeLists.txt").write_text('project("llama.cpp" C CXX)\n')
        (folder / "ggml/CMakeLists.txt").write_text('project("ggml")\n')
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("first")

    def git(self, *arguments):
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, text):
        (self.folder / "file.c").write_text(text)
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", text)
        return self.git("rev-parse", "HEAD")

    def spec(self, ref):
        return f"git:file://{self.folder}@{ref}"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    return Repository(tmp_path / "repository")


def test_a_branch_is_recorded_as_its_commit(repository, tmp_path):
    source = resolve_source(repository.spec("main"))
    assert source.version == repository.first
    assert (tmp_path / source.tree / "file.c").read_text() == "first"
    assert not (tmp_path / source.tree / ".git").exists()
    verify_source(source)
    second = repository.commit("second")
    moved = resolve_source(repository.spec("main"))
    assert moved.version == second
    assert moved.digest != source.digest


def test_tags_and_older_commits_can_be_named(repository):
    repository.git("tag", "-a", "v1", "-m", "v1")
    repository.commit("second")
    assert resolve_source(repository.spec("v1")).version == repository.first
    assert resolve_source(repository.spec(repository.first)).version == repository.first


def test_the_digest_is_that_of_the_folder(repository):
    fetched = resolve_source(repository.spec("main"))
    assert fetched.digest == resolve_source(f"path:{repository.folder}").digest


def test_without_the_repository_the_cached_commit_is_taken_and_said(repository):
    source = resolve_source(repository.spec("main"))
    repository.folder.rename(repository.folder.with_name("away"))
    said = []
    assert resolve_source(repository.spec("main"), on_progress=said.append) == source
    assert any("cannot be reached" in line and source.version in line for line in said)
    by_hash = resolve_source(repository.spec(source.version))
    assert by_hash.tree == source.tree
    with pytest.raises(EnvironmentLacks, match="cannot fetch other"):
        resolve_source(repository.spec("other"))


def test_an_unknown_ref_is_bad_input(repository):
    resolve_source(repository.spec("main"))
    with pytest.raises(BadInput, match="has no 'nowhere'"):
        resolve_source(repository.spec("nowhere"))


def test_running_under_a_git_hook_changes_nothing(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert resolve_source(repository.spec("main")).version == repository.first


def test_a_hostile_config_of_the_transport_is_not_run(repository, tmp_path):
    with pytest.raises(BadInput):
        resolve_source(f"git:ext::touch {tmp_path}/evil@main")
    assert not (tmp_path / "evil").exists()


def test_a_stored_branch_is_the_commit_that_it_was(repository):
    before = resolve_source(repository.spec("main"))
    repository.commit("second")
    assert resolve_again(before) == before
    repository.folder.rename(repository.folder.with_name("away"))
    assert resolve_again(before) == before
