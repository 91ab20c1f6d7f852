from __future__ import annotations

import hashlib
import os
import shutil
import tarfile

import pytest

from llamabuild.errors import BadInput
from llamabuild.source import at_hand, verify_source
from llamabuild.source import resolve as resolve_module
from llamabuild.source import resolve_source as resolve
from llamabuild.store.paths import cache_dir, state_dir

CMAKE = 'cmake_minimum_required(VERSION 3.14)\nproject("llama.cpp" C CXX)\n'
GGML = (
    'project("ggml" C CXX ASM)\nset(GGML_VERSION_MAJOR 1)\n'
    "set(GGML_VERSION_MINOR 2)\nset(GGML_VERSION_PATCH 3)\n"
)


def make_tree(root):
    (root / "ggml").mkdir(parents=True)
    (root / "CMakeLists.txt").write_text(CMAKE)
    (root / "ggml/CMakeLists.txt").write_text(GGML)
    return root


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A stand-in for pip that serves one sdist and counts how often it is asked."""

    class Index:
        def __init__(self):
            self.asked = []
            self.sdist = tmp_path / "x-1.0.tar.gz"
            tree = make_tree(tmp_path / "x-1.0/vendor/llama.cpp")
            self.serve(tree.parents[1])

        def serve(self, folder):
            with tarfile.open(self.sdist, "w:gz") as archive:
                archive.add(folder, arcname="x-1.0")
            self.sha256 = hashlib.sha256(self.sdist.read_bytes()).hexdigest()

        def download(self, name, version, *, kind, sha256, into, on_progress):
            self.asked.append((name, version, kind, sha256))
            if sha256 and sha256 != self.sha256:
                message = f"hash {self.sha256}, expected {sha256}"
                raise BadInput(message)
            return shutil.copy(self.sdist, into / self.sdist.name)

    served = Index()
    monkeypatch.setattr(resolve_module, "download", served.download)
    return served


def scratch():
    return list(cache_dir("scratch").iterdir())


def test_a_source_is_fetched_once(index):
    first = resolve("pypi:x==1.0")
    second = resolve("pypi:x==1.0")
    assert first == second
    assert index.asked == [("x", "1.0", "sdist", "")]
    assert (first.version, first.ggml_version) == ("1.0", "1.2.3")
    assert first.archive_sha256 == index.sha256
    assert first.tree.endswith("x-1.0/vendor/llama.cpp")
    assert scratch() == []
    verify_source(first)


def test_whether_a_source_is_at_hand_is_told_without_fetching_it(index, tmp_path):
    assert not at_hand("pypi:x==1.0")
    assert index.asked == []
    resolve("pypi:x==1.0")
    assert at_hand("pypi:x==1.0")
    assert not at_hand("pypi:x==1.1")
    assert len(index.asked) == 1
    assert at_hand(f"path:{tmp_path}")
    assert not at_hand("git:https://example.invalid/x@main")


def test_the_first_hash_is_demanded_ever_after(index):
    said = []
    resolve("pypi:x==1.0", on_progress=said.append)
    assert any(index.sha256 in line for line in said)
    shutil.rmtree(cache_dir("sources"))
    resolve("pypi:x==1.0")
    assert index.asked[-1][3] == index.sha256
    first_sha = index.sha256
    shutil.rmtree(cache_dir("sources"))
    (index.sdist.parent / "x-1.0/evil").touch()
    index.serve(index.sdist.parent / "x-1.0")
    with pytest.raises(BadInput, match=first_sha):
        resolve("pypi:x==1.0")
    assert list(cache_dir("sources").iterdir()) == []


def test_a_given_hash_is_used_and_nothing_is_kept_of_another(index):
    wrong = "0" * 64
    with pytest.raises(BadInput, match=wrong):
        resolve(f"pypi:x==1.0#sha256={wrong}")
    assert list(cache_dir("sources").iterdir()) == []
    assert scratch() == []
    source = resolve(f"pypi:x==1.0#sha256={index.sha256}")
    assert source.archive_sha256 == index.sha256


def test_an_archive_without_llama_cpp_is_refused(index, tmp_path):
    shutil.rmtree(tmp_path / "x-1.0/vendor")
    (tmp_path / "x-1.0/README").touch()
    index.serve(tmp_path / "x-1.0")
    with pytest.raises(BadInput, match=r"no llama\.cpp in pypi:x==1\.0"):
        resolve("pypi:x==1.0")
    assert list(cache_dir("sources").iterdir()) == []
    assert scratch() == []


DAMAGE = {
    "file gone": lambda t: (t / "ggml/CMakeLists.txt").unlink(),
    "file cut": lambda t: os.truncate(t / "CMakeLists.txt", 3),
    "file changed": lambda t: (t / "CMakeLists.txt").write_text(CMAKE.swapcase()),
    "file added": lambda t: (t / "extra.cmake").touch(),
    "manifest gone": lambda t: (t.parents[3] / "manifest.json").unlink(),
    "manifest half": lambda t: os.truncate(t.parents[3] / "manifest.json", 20),
    "tree gone": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_copy_is_made_again(index, tmp_path, damage):
    source = resolve("pypi:x==1.0")
    tree = tmp_path / source.tree
    damage(tree)
    said = []
    again = resolve("pypi:x==1.0", on_progress=said.append)
    assert again == source
    assert len(index.asked) == 2
    assert any("damaged" in line for line in said)
    verify_source(again)


def test_a_restored_cache_with_other_times_is_accepted(index, tmp_path):
    source = resolve("pypi:x==1.0")
    os.utime(tmp_path / source.tree / "CMakeLists.txt", (1, 1))
    assert resolve("pypi:x==1.0") == source
    assert len(index.asked) == 1


def test_verify_finds_a_changed_file(index, tmp_path):
    source = resolve("pypi:x==1.0")
    (tmp_path / source.tree / "CMakeLists.txt").write_text(CMAKE + "#")
    with pytest.raises(BadInput, match="changed"):
        verify_source(source)


def test_a_damaged_record_of_hashes_is_not_ignored(index):
    resolve("pypi:x==1.0")
    (state_dir() / "sources.json").write_text("{")
    with pytest.raises(BadInput, match=r"sources\.json"):
        resolve("pypi:x==1.0")


def test_a_folder_is_taken_where_it_is(tmp_path, monkeypatch):
    make_tree(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    source = resolve("path:mine")
    assert source.tree == str(tmp_path / "mine")
    assert (source.version, source.archive_sha256) == ("working tree", "")
    (tmp_path / "mine/new.c").touch()
    assert resolve("path:mine").digest != source.digest


def test_the_digest_does_not_depend_on_where_a_tree_came_from(index, tmp_path):
    fetched = resolve("pypi:x==1.0")
    assert resolve(f"path:{tmp_path}/x-1.0/vendor/llama.cpp").digest == fetched.digest


def test_a_folder_without_llama_cpp_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"not a llama\.cpp tree"):
        resolve(f"path:{tmp_path}")
    with pytest.raises(BadInput, match="no folder"):
        resolve(f"path:{tmp_path}/nowhere")
    make_tree(tmp_path / "old")
    shutil.rmtree(tmp_path / "old/ggml")
    with pytest.raises(BadInput, match="ggml/"):
        resolve(f"path:{tmp_path}/old")
