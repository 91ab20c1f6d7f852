"""``cache list`` and ``cache gc``: every kind, what is old and what is in use."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from filelock import FileLock

from llamabuild.cli.cache import cache
from llamabuild.errors import MeasurementRunning
from llamabuild.model.known import known_file
from llamabuild.store.builds import files_folder, publish
from llamabuild.store.kept import FOLDERS, kept, remove
from llamabuild.store.locks import cache_alone, cache_in_use
from llamabuild.store.paths import cache_dir
from llamabuild.store.usage import last_used, mark_used
from tests.unit.test_store_builds import stage

DAY = 86_400
PATHS = {
    "builds": "builds/b1",
    "sources": "sources/s1",
    "models": "models/m1.gguf",
    "ccache": "ccache/0123abcd",
}


def call(*arguments):
    done = CliRunner().invoke(cache, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def age(path, days):
    """Set the time of everything below a path back."""
    then = time.time() - days * DAY
    for each in [*path.rglob("*"), path]:
        os.utime(each, (then, then), follow_symlinks=False)


@pytest.fixture
def filled():
    """One entry of every kind, all 40 days old."""
    publish(*stage("b1"))
    for name in ("sources/s1", "ccache/0123abcd"):
        cache_dir(name)
        (cache_dir(name) / "file").write_bytes(b"x" * 1000)
    (cache_dir("models") / "m1.gguf").write_bytes(b"x" * 2000)
    for name in PATHS.values():
        age(cache_dir() / name, 40)


def there():
    return {kind for kind, name in PATHS.items() if (cache_dir() / name).exists()}


@pytest.mark.usefixtures("filled")
def test_list_says_the_size_of_every_kind():
    listed = json.loads(call("list", "--json").stdout)
    assert listed["bytes"].keys() == FOLDERS.keys()
    assert listed["bytes"]["models"] == 2000
    assert listed["bytes"]["sources"] == listed["bytes"]["ccache"] == 1000
    assert [entry["name"] for entry in listed["models"]] == ["models/m1.gguf"]
    assert [build["id"] for build in listed["builds"]] == ["b1"]
    assert "models: 0.0 MB" in call("list").stdout


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ([], {"builds"}),
        (["--builds"], {"builds"}),
        (["--sources"], {"sources"}),
        (["--models"], {"models"}),
        (["--ccache"], {"ccache"}),
        (["--sources", "--models"], {"sources", "models"}),
        (["--all"], set(PATHS)),
        (["--all", "--older-than", "50"], set()),
        (["--all", "--days", "0"], set(PATHS)),
    ],
)
@pytest.mark.usefixtures("filled")
def test_gc_takes_what_is_named_and_old(options, gone):
    said = call("gc", *options, "--dry-run")
    assert there() == set(PATHS), "a dry run removes nothing"
    done = call("gc", *options)
    assert there() == set(PATHS) - gone
    for kind, name in PATHS.items():
        assert (name in done.stdout) == (name in said.stdout) == (kind in gone)
    assert list(cache_dir("scratch").iterdir()) == []


@pytest.mark.usefixtures("filled")
def test_what_was_used_stays_however_old_it_is():
    mark_used(files_folder("b1") / "llama-bench")
    mark_used(cache_dir() / PATHS["models"])
    call("gc", "--all")
    assert there() == {"builds", "models"}
    call("gc", "--all", "--older-than", "0")
    assert there() == set()
    assert list(cache_dir("used").iterdir()) == []


def test_a_model_that_is_looked_up_counts_as_used(monkeypatch):
    path = cache_dir("models") / "m1.gguf"
    path.write_bytes(b"x")
    age(path, 40)
    monkeypatch.setattr("llamabuild.model.known.unchanged", lambda path: "known")
    known_file(path, print)
    assert last_used(path) > datetime.now(UTC) - timedelta(minutes=1)


def test_a_file_outside_the_cache_gets_no_stamp(tmp_path):
    (tmp_path / "own.gguf").write_bytes(b"x")
    mark_used(tmp_path / "own.gguf")
    assert list(cache_dir("used").iterdir()) == []


@pytest.mark.usefixtures("filled")
def test_a_damaged_build_goes_however_young_it_is():
    mark_used(files_folder("b1"))
    (files_folder("b1") / "llama-bench").write_bytes(b"PROGRAM")
    assert "damaged" in call("gc").stdout
    assert "builds" not in there()


@pytest.mark.parametrize(
    ("lock", "kind"),
    [("build-b1", "builds"), ("source-s1", "sources"), ("synthetic-135M-x", "models")],
)
@pytest.mark.usefixtures("filled")
def test_what_another_process_makes_is_left_alone(lock, kind):
    with FileLock(cache_dir("locks") / f"{lock}.lock"):
        done = call("gc", "--all")
    assert there() == {kind}
    assert f"{kind}: in use by another process" in done.stderr


@pytest.mark.usefixtures("filled")
def test_nothing_goes_while_a_build_runs():
    with cache_in_use(), cache_in_use():
        with pytest.raises(MeasurementRunning, match="cache is in use"):
            call("gc", "--all")
        assert there() == set(PATHS)
    call("gc", "--all")
    assert there() == set()


def test_a_build_waits_until_the_cache_is_clean():
    told = []
    cleaning = cache_alone()
    cleaning.__enter__()
    with cache_in_use(lambda: (told.append(1), cleaning.__exit__(None, None, None))):
        assert told == [1]


def test_ccache_drops_what_it_has_not_used(monkeypatch, tmp_path):
    folder = cache_dir("ccache", "0123abcd")
    for name, days in (("old", 40), ("young", 1)):
        (folder / name).write_bytes(b"x" * 500_000)
        age(folder / name, days)
    program = tmp_path / "ccache"
    program.write_text(f'#!/bin/sh\necho "$CCACHE_DIR $*" > {tmp_path}/called\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "0.5 MB would be freed" in call("gc", "--ccache", "--dry-run").stdout
    assert not (tmp_path / "called").exists()
    assert "0.5 MB freed" in call("gc", "--ccache").stdout
    where, option, seconds = (tmp_path / "called").read_text().split()
    assert (where, option) == (str(folder), "--evict-older-than")
    assert int(seconds.removesuffix("s")) == pytest.approx(30 * DAY, abs=60)


def test_left_overs_go_after_a_day():
    for name, days in (("dead", 2), ("alive", 0)):
        age(cache_dir("work", name), days)
    call("gc")
    assert [path.name for path in cache_dir("work").iterdir()] == ["alive"]


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    (tmp_path / "own.gguf").write_bytes(b"x")
    (cache_dir("models") / "link.gguf").symlink_to(tmp_path / "own.gguf")
    [entry] = kept("models")
    remove(entry)
    assert (tmp_path / "own.gguf").exists()
    assert list(kept("models")) == []
