"""What the operating system refuses, said in one line."""

import errno
import os
from pathlib import Path

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.model import known
from llamabuild.source import ledger
from llamabuild.store.paths import cache_dir, state_dir
from llamabuild.store.trouble import refused, replace_file


@pytest.mark.parametrize(
    ("number", "place", "says"),
    [
        (errno.ENOSPC, None, "No space left on device: free some space ('python -m llamabuild"),
        (errno.EDQUOT, "cache", "set LLAMABUILD_CACHE to a folder on another disk"),
        (errno.ENOSPC, "state", "set LLAMABUILD_STATE to a folder on another disk"),
        (errno.EROFS, "cache", "set LLAMABUILD_CACHE to a folder that you can write"),
        (errno.EACCES, "state", "set LLAMABUILD_STATE to a folder that you can write"),
        (errno.EACCES, None, "set LLAMABUILD_CACHE and LLAMABUILD_STATE to folders"),
        (errno.EACCES, "/elsewhere/x", "/elsewhere/x: Permission denied: change its permissions"),
    ],
)
def test_a_refusal_names_the_place_and_the_remedy(number, place, says):
    folder = {"cache": cache_dir() / "locks", "state": state_dir() / "x"}.get(place, place)
    file = None if folder is None else str(folder)
    found = refused(OSError(number, os.strerror(number), file))
    assert found.exit_code == 5
    assert says in str(found)
    assert str(folder or "") in str(found)


def test_the_cache_is_named_where_the_disk_is_full():
    assert str(cache_dir()) in refused(OSError(errno.ENOSPC, "x")).remedy


def test_what_has_no_remedy_is_said_all_the_same():
    assert str(refused(OSError(errno.EIO, "Input/output error", "f"))) == "f: Input/output error"
    assert str(refused(OSError("strange"))) == "strange"


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace_file(path, b"old")

    def full(self, data):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EnvironmentLacks, match="file: No space left on device: free some space"):
        replace_file(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("module", [known, ledger])
def test_records_are_written_by_it(module):
    assert module.replace_file is replace_file
