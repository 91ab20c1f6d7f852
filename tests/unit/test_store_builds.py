"""Builds are published whole or not at all, and what was damaged later is found."""

import subprocess
import sys

import pytest

from llamabuild.errors import MeasurementRunning
from llamabuild.store.builds import (
    collect,
    discard,
    files_folder,
    load_build,
    publish,
    published_builds,
)
from llamabuild.store.locks import measurement_lock, named_lock
from llamabuild.store.paths import cache_dir
from llamabuild.types.build import Build, Plan


def stage(build_id: str, content: bytes = b"program"):
    staged = cache_dir("work", build_id, "staged")
    files = staged / "files"
    files.mkdir()
    (files / "llama-bench").write_bytes(content)
    (files / "llama-bench").chmod(0o755)
    (files / "libggml.so").symlink_to("libggml.so.0")
    (files / "libggml.so.0").write_bytes(b"library")
    found = collect(files)
    plan = Plan(
        build_id=build_id,
        variant="avx2",
        source_digest="d",
        steps=(),
        compilers=(),
        native_resolution="",
        outputs=("llama-bench",),
    )
    build = Build(
        id=build_id,
        plan=plan,
        files=found,
        seconds=1.0,
        cpu_seconds=2.0,
        size_bytes=sum(f.size_bytes for f in found),
        compiled=3,
        cache_hits=-1,
        created="2026-11-22T12:00:00+00:00",
    )
    return build, staged


def test_what_was_published_is_found_whole():
    build, staged = stage("b1")
    publish(build, staged)
    assert load_build("b1", full=True) == build
    assert not staged.exists()
    assert list(published_builds()) == [("b1", build)]
    assert [f.executable for f in build.files if f.path == "llama-bench"] == [True]


def test_nothing_is_there_before_it_is_published():
    stage("b1")
    assert load_build("b1") is None


@pytest.mark.parametrize(
    ("harm", "full"),
    [
        (lambda f: (f / "llama-bench").unlink(), False),
        (lambda f: (f / "llama-bench").write_bytes(b"shorter"[:3]), False),
        (lambda f: (f / "llama-bench").write_bytes(b"PROGRAM"), True),
        (lambda f: (f / "libggml.so").unlink(), False),
        (lambda f: [(f / "libggml.so").unlink(), (f / "libggml.so").symlink_to("/x")], False),
        (lambda f: (f.parent / "manifest.json").write_text("{"), False),
        (lambda f: (f.parent / "manifest.json").unlink(), False),
    ],
)
def test_damage_is_found_and_a_new_build_replaces_it(harm, full):
    build, staged = stage("b1")
    publish(build, staged)
    harm(files_folder("b1"))
    assert load_build("b1", full=full) is None
    again, staged = stage("b1")
    publish(again, staged)
    assert load_build("b1", full=True) == again


def test_a_build_under_another_id_is_not_believed():
    build, staged = stage("b1")
    publish(build, staged)
    files_folder("b1").parent.rename(cache_dir("builds") / "b2")
    assert load_build("b2") is None


def test_discard_leaves_nothing():
    build, staged = stage("b1")
    publish(build, staged)
    discard("b1")
    assert list(published_builds()) == []
    assert list(cache_dir("scratch").iterdir()) == []


HOLD = """
import sys
from llamabuild.store.locks import measurement_lock
with measurement_lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_measurement_is_refused_and_names_the_first(monkeypatch):
    name = f"\0llamabuild-test-{id(monkeypatch)}"
    monkeypatch.setattr("llamabuild.store.locks.MEASUREMENT_NAME", name)
    code = HOLD.replace(
        "\nwith", f"\nimport llamabuild.store.locks as k\nk.MEASUREMENT_NAME = {name!r}\nwith", 1
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(MeasurementRunning, match=f"process {other.pid}") as caught,
            measurement_lock(),
        ):
            pass
        assert caught.value.exit_code == 75
        other.kill()
        other.wait()
    with measurement_lock():
        pass  # a killed process holds nothing


def test_a_named_lock_tells_that_it_waits(monkeypatch):
    code = (
        "import sys\nfrom llamabuild.store.locks import named_lock\n"
        "with named_lock('x'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        waited = []
        with named_lock("x", on_wait=lambda: (waited.append(1), other.stdin.close())):
            assert waited == [1]
        other.wait()
