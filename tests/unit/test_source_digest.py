from __future__ import annotations

import os
import shutil

import pytest

from llamabuild.source.digest import quick_signature, tree_digest


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub/b.txt").write_text("b")
    (root / "link").symlink_to("a.txt")
    return root


def test_a_copy_has_the_same_digest(tree, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, symlinks=True)
    os.utime(copy / "a.txt", (1, 1))
    assert tree_digest(copy) == tree_digest(tree)
    assert quick_signature(copy) != quick_signature(tree)


CHANGES = {
    "content": lambda t: (t / "a.txt").write_text("A"),
    "name": lambda t: (t / "a.txt").rename(t / "c.txt"),
    "executable": lambda t: (t / "a.txt").chmod(0o755),
    "link target": lambda t: ((t / "link").unlink(), (t / "link").symlink_to("sub")),
    "link becomes file": lambda t: ((t / "link").unlink(), (t / "link").write_text("a.txt")),
    "new file": lambda t: (t / "new").touch(),
    "gone": lambda t: (t / "sub/b.txt").unlink(),
    "moved between folders": lambda t: (t / "sub/b.txt").rename(t / "b.txt"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_shows(tree, change):
    before, quick = tree_digest(tree), quick_signature(tree)
    change(tree)
    assert tree_digest(tree) != before
    assert quick_signature(tree) != quick


def test_what_no_build_reads_does_not_count(tree):
    before = tree_digest(tree)
    for folder, marker in (
        (".git", "HEAD"),
        ("build-x", "CMakeCache.txt"),
        ("venv", "pyvenv.cfg"),
        ("gguf-py/__pycache__", "x.pyc"),
    ):
        (tree / folder).mkdir(parents=True)
        (tree / folder / marker).touch()
        (tree / folder / "other").touch()
    (tree / "huge.gguf").write_bytes(b"GGUF")
    assert tree_digest(tree) == before
    (tree / "ggml-vocab-x.gguf").write_bytes(b"GGUF")
    assert tree_digest(tree) != before


def test_what_a_link_out_of_the_tree_leads_to_counts(tree, tmp_path):
    outside = tmp_path / "ggml"
    outside.mkdir()
    (outside / "kernel.c").write_text("1")
    (tree / "ggml").symlink_to(outside)
    before = tree_digest(tree)
    (outside / "kernel.c").write_text("2")
    assert tree_digest(tree) != before


def test_odd_trees_end(tree, tmp_path):
    (tree / "loop").symlink_to("loop")
    (tree / "sub/up").symlink_to("..")
    (tree / "dangling").symlink_to("nowhere")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "back").symlink_to(outside)
    (tree / "out").symlink_to(outside)
    os.mkfifo(tree / "pipe")
    (tree / os.fsdecode(b"\xff")).touch()
    assert tree_digest(tree) == tree_digest(tree)
