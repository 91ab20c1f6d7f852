"""Files of all kinds, sound and hostile, through the real objdump."""

import errno
import io
import os
import shutil
import struct
import time
import zipfile
from contextlib import suppress

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.inspect import disassembler, inspect_file, wheel
from llamabuild.inspect.elf import read_elf

NAMES = b"\0.text\0.shstrtab\0.symtab\0.strtab\0.dynsym\0"
CODE = bytes.fromhex("c5fc58c1c30f58c1c3")  # vaddps ymm; ret; addps; ret

needs_objdump = pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump")


def elf(*, machine=62, symbols=True, dynamic=False, linked=False, code=CODE):
    """A small object or library: .text with `first` and `second`, symbol table or not."""
    strings = b"\0first\0second\0"
    symbol = struct.Struct("<IBBHQQ")
    table = symbol.pack(0, 0, 0, 0, 0, 0)
    table += symbol.pack(1, 0x12, 0, 1, 0, 4) + symbol.pack(7, 0x12, 0, 1, 5, 4)
    parts = [b"", code, NAMES]
    kinds = [(0, 0, 0), (1, 1, 6), (7, 3, 0)]
    if symbols or dynamic:
        parts += [table, strings]
        kinds += [(NAMES.index(b".dynsym"), 11, 2) if dynamic else (17, 2, 0), (25, 3, 0)]
    offset, body, headers = 64, b"", b""
    for index, (part, (name, kind, flags)) in enumerate(zip(parts, kinds, strict=True)):
        is_table = kind in (2, 11)
        link, info, entry = (index + 1, 1, symbol.size) if is_table else (0, 0, 0)
        headers += struct.pack(
            "<IIQQQQIIQQ", name, kind, flags, 0, offset, len(part), link, info, 1, entry
        )
        body += part
        offset += len(part)
    ident = b"\x7fELF\2\1\1" + bytes(9)
    head = struct.pack(
        "<HHIQQQIHHHHHH",
        3 if linked else 1,
        machine,
        1,
        0,
        0,
        offset,
        0,
        64,
        0,
        0,
        64,
        len(parts),
        2,
    )
    return ident + head + body + headers


def archive(*members):
    text = b"!<arch>\n"
    for name, data in members:
        text += f"{name + '/':16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n".encode()
        text += data + b"\n" * (len(data) % 2)
    return text


def thin(*names):
    """What GNU ar makes with its T flag: an index, a table of paths, headers without data."""
    table = b"".join(name.encode() + b"/\n" for name in names)
    text = b"!<thin>\n"
    for name, data in (("/", b"\0\0\0\0"), ("//", table)):
        text += f"{name:16}{'':12}{'':6}{'':6}{'':8}{len(data):<10}`\n".encode()
        text += data + b"\n" * (len(data) % 2)
    for name in names:
        place = f"/{table.index(name.encode() + b'/' + bytes([10]))}"
        text += f"{place:16}{0:<12}{0:<6}{0:<6}{644:<8}{5000:<10}`\n".encode()
    return text


def zipped(method=zipfile.ZIP_DEFLATED, /, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return file.getvalue()


@pytest.fixture
def write(tmp_path):
    def write(data, name="x.so"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@needs_objdump
def test_an_object(write):
    (found,) = inspect_file(write(elf()))
    assert (found.file, found.architecture, found.stripped) == ("x.so", "x86_64", False)
    assert (found.instructions, found.vector, found.highest) == (4, 2, "avx")
    assert list(found.groups.items()) == [("sse2", 1), ("avx", 1)]
    first, second = found.functions
    assert (first.name, first.address, first.size, first.groups) == ("first", 0, 5, {"avx": 1})
    assert (second.name, second.address, second.size, second.groups) == (
        "second",
        5,
        4,
        {"sse2": 1},
    )


@needs_objdump
@pytest.mark.parametrize("symbols", [True, False])
def test_a_linked_file_counts_like_its_object(write, symbols):
    """Bytes come from the file there, not from objdump."""
    code = CODE + b"\x90" + bytes(40) + CODE + bytes(20)
    (alone,) = inspect_file(write(elf(symbols=symbols, code=code)))
    (linked,) = inspect_file(write(elf(symbols=symbols, code=code, linked=True)))
    assert alone.groups == {"sse2": 2, "avx": 2}
    assert linked == alone


@needs_objdump
def test_a_stripped_file_counts_per_section(write):
    (found,) = inspect_file(write(elf(symbols=False)))
    assert found.stripped
    assert [(f.name, f.groups) for f in found.functions] == [(".text", {"avx": 1, "sse2": 1})]


def test_dynamic_symbols_of_a_stripped_file_give_their_extent():
    facts = read_elf(io.BytesIO(elf(symbols=False, dynamic=True)), "x")
    assert facts.stripped
    assert facts.extents == {0: 4, 5: 9}


@needs_objdump
def test_an_archive(write):
    path = write(archive(("a.o", elf()), ("b.o", elf(symbols=False))), "libx.a")
    first, second = inspect_file(path)
    assert (first.file, first.stripped) == ("libx.a(a.o)", False)
    assert (second.file, second.stripped) == ("libx.a(b.o)", True)


@needs_objdump
def test_a_wheel(write):
    members = {"p/_n.so": elf(), "p/__init__.py": b"", "../../evil.so": elf(), "readme": b"\x7fEL"}
    found = inspect_file(write(zipped(**members), "p-1.whl"))
    assert [i.file for i in found] == ["p-1.whl(p/_n.so)", "p-1.whl(../../evil.so)"]


def skips(path):
    """Inspect; return what was found and what was left out, with the reason."""
    left_out = {}
    found = inspect_file(path, on_skip=left_out.__setitem__)
    return [i.file for i in found], left_out


@needs_objdump
def test_an_archive_in_a_wheel_counts(write):
    members = {"p/_n.so": elf(), "p/libx.a": archive(("a.o", elf()), ("b.o", elf()))}
    found = inspect_file(write(zipped(**members), "p.whl"))
    assert [i.file for i in found] == [
        "p.whl(p/_n.so)",
        "p.whl(p/libx.a)(a.o)",
        "p.whl(p/libx.a)(b.o)",
    ]
    assert found[1].groups == {"sse2": 1, "avx": 1}


@needs_objdump
def test_members_of_a_wheel_that_cannot_be_read_are_named(write):
    members = {
        "no-sections.so": elf()[:40] + bytes(8) + elf()[48:],
        "riscv.so": elf(machine=243),
        "cut.so": elf()[:70],
        "text.a": archive(("a.txt", b"hello")),
        "thin.a": thin("a.o"),
        "good.so": elf(),
    }
    found, left_out = skips(write(zipped(**members), "p.whl"))
    assert found == ["p.whl(good.so)"]
    assert list(left_out) == [f"p.whl({name})" for name in members if name != "good.so"]
    assert "no section headers" in left_out["p.whl(no-sections.so)"]
    assert "machine code for riscv" in left_out["p.whl(riscv.so)"]
    assert "archive without object files" in left_out["p.whl(text.a)"]


def test_a_wheel_of_which_nothing_can_be_read_is_refused(write):
    with pytest.raises(BadInput, match="machine code for riscv"):
        inspect_file(write(zipped(**{"a.so": elf(machine=243), "b.so": elf()[:70]}), "p.whl"))


METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@needs_objdump
@pytest.mark.parametrize("method", METHODS)
def test_a_wheel_damaged_anywhere_is_refused_in_one_line(write, method):
    whole = zipped(method, **{"a.so": elf(code=CODE * 300)})
    for position in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        with suppress(BadInput, EnvironmentLacks):
            inspect_file(write(bytes(damaged), "p.whl"))


def test_a_full_disk_is_no_damaged_wheel(write, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wheel, "_extract", full)
    with pytest.raises(OSError, match="No space left"):
        inspect_file(write(zipped(**{"a.so": elf()}), "p.whl"))


@needs_objdump
def test_a_thin_archive_counts_like_its_objects(write, tmp_path):
    (tmp_path / "deep").mkdir()
    write(elf(), "deep/a.o")
    write(elf(symbols=False), "b-with-a-long-name.o")
    first, second = inspect_file(write(thin("deep/a.o", "b-with-a-long-name.o"), "libx.a"))
    assert (first.file, first.stripped) == ("libx.a(deep/a.o)", False)
    assert (second.file, second.stripped) == ("libx.a(b-with-a-long-name.o)", True)
    assert first.functions == inspect_file(tmp_path / "deep/a.o")[0].functions


@needs_objdump
def test_a_thin_archive_is_followed_no_further_than_its_folder(write, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    write(elf(), "outside.o")
    write(elf(), "home/a.o")
    write(b"int main;", "home/text.o")
    (home / "link.o").symlink_to(tmp_path / "outside.o")
    os.mkfifo(home / "fifo.o")
    outside = ("../outside.o", str(tmp_path / "outside.o"), "link.o")
    absent = ("gone.o", "fifo.o", "x" * 5000)
    path = write(thin("a.o", *outside, *absent, "text.o"), "home/libx.a")
    found, left_out = skips(path)
    assert found == ["libx.a(a.o)"]
    assert {n for n, why in left_out.items() if "outside the archive's folder" in why} == {
        f"libx.a({name})" for name in outside
    }
    assert {f"libx.a({name})" for name in (*outside, *absent, "text.o")} == set(left_out)


def test_a_thin_archive_without_anything_to_read_says_why(write):
    with pytest.raises(BadInput, match=r"thin archive .*outside the archive's folder"):
        inspect_file(write(thin("/etc/passwd"), "libx.a"))


@needs_objdump
def test_a_thin_archive_damaged_anywhere_neither_crashes_nor_hangs(write):
    write(elf(), "a.o")
    whole = thin("a.o", "b.o")
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        with suppress(BadInput, EnvironmentLacks):
            inspect_file(write(bytes(damaged), "libx.a"))
    for length in range(8, len(whole), 7):
        with suppress(BadInput):
            inspect_file(write(whole[:length], "libx.a"))


@needs_objdump
def test_a_link_keeps_the_name_given(write):
    path = write(elf(), "libx.so.1.2")
    link = path.with_name("libx.so")
    link.symlink_to(path)
    assert inspect_file(link)[0].file == "libx.so"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "'x.so' is empty"),
        (b"#!/bin/sh\n", "'x.so' is not an ELF file"),
        (b"\x7fELF", "cut off"),
        (elf()[:40], "cut off"),
        (elf()[:-1], "cut off"),
        (elf()[:300], "cut off"),
        (elf(machine=243), "machine code for riscv: known are x86_64"),
        (elf(machine=999), "machine code for machine 999"),
        (elf()[:40] + bytes(8) + elf()[48:], "no section headers"),
        (b"!<thin>\n", "thin archive"),
        (b"!<arch>\n", "archive without object files"),
        (archive(("a.txt", b"hello")), "archive without object files"),
        (b"!<arch>\n" + b"x" * 100, "damaged archive"),
        (archive(("a.o", elf()))[:30], "damaged archive"),
        (zipped(**{"a.py": b""}), "no ELF file and no archive"),
        (zipped(**{"a.so": elf()})[:-30], "damaged wheel"),
        (zipped(**{"a.so": elf()[:50]}), r"x.so\(a.so\)' is cut off"),
    ],
)
def test_bad_files_get_one_line(write, data, message):
    with pytest.raises(BadInput, match=message) as caught:
        inspect_file(write(data))
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="cannot read"):
            inspect_file(path)


@needs_objdump
def test_cut_off_anywhere_it_is_refused_in_one_line(write):
    whole = elf()
    for length in range(1, len(whole), 13):
        with pytest.raises(BadInput):
            inspect_file(write(whole[:length]))


@needs_objdump
def test_damaged_anywhere_it_neither_crashes_nor_hangs(write):
    whole = elf()
    for position in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        with suppress(BadInput, EnvironmentLacks):
            inspect_file(write(bytes(damaged)))


def test_a_zip_bomb_is_not_unpacked(write, monkeypatch):
    monkeypatch.setattr(wheel, "MEMBER_FLOOR_BYTES", 1 << 16)
    bomb = write(zipped(**{"a.so": b"\x7fELF" + bytes(8 << 20)}), "b.whl")
    with pytest.raises(BadInput, match=r"b.whl\(a.so\)' unpacks to more than"):
        inspect_file(bomb)


def test_members_of_a_wheel_are_removed(write, tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))
    with suppress(BadInput):
        inspect_file(write(zipped(**{"a.so": elf(), "b.so": elf()[:70]}), "b.whl"))
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


@pytest.fixture
def fake_objdump(tmp_path, monkeypatch):
    def fake(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        path = folder / "objdump"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(disassembler, "disassembler", lambda _: str(path))

    return fake


def test_an_objdump_that_hangs_is_ended(write, fake_objdump, monkeypatch):
    fake_objdump("sleep 60")
    monkeypatch.setattr(disassembler, "BASE_SECONDS", 0.3)
    begun = time.monotonic()
    with pytest.raises(BadInput, match="did not finish 'x.so'"):
        inspect_file(write(elf()))
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 0", "it printed nothing"),
        ("echo 'objdump: x.so: file truncated' >&2; exit 1", "file truncated"),
        ("kill -9 $$", "it printed nothing"),
        ("head -c 300000 /dev/zero >&2; exit 1", "objdump cannot read"),
    ],
)
def test_an_objdump_that_fails_is_quoted(write, fake_objdump, script, message):
    fake_objdump(script)
    with pytest.raises(BadInput, match=message) as caught:
        inspect_file(write(elf()))
    assert len(str(caught.value)) < 6000


def test_an_objdump_without_the_architecture_names_the_package(write, fake_objdump):
    fake_objdump('echo "objdump: can\'t disassemble for architecture UNKNOWN!" >&2; exit 1')
    with pytest.raises(EnvironmentLacks, match="install binutils-aarch64-linux-gnu"):
        inspect_file(write(elf(machine=183)))


@pytest.mark.parametrize("address", ["9", "ffffffffffffffff"])
def test_an_address_outside_of_the_code_is_refused(write, fake_objdump, address):
    fake_objdump(f"printf 'x:     file format elf64-x86-64\\n   0:\\tret\\n{address}:\\tret\\n'")
    with pytest.raises(BadInput, match="was not inspected to its end"):
        inspect_file(write(elf(linked=True)))


def test_no_objdump(write, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentLacks, match="install binutils"):
        inspect_file(write(elf()))
