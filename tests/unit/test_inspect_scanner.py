"""The scanner on objdump's own text, recorded: every group, the tricky pairs, and hostile text."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabuild.inspect.scanner import new_scanner

DATA = Path(__file__).parents[1] / "data" / "inspect"
ARCHITECTURES = ("x86_64", "aarch64")
NOT_VECTOR = {
    "x86_64": "mov_scalar bmi1_tzcnt bsf lzcnt popcnt bmi1_andn bmi1_blsr bmi2_mulx bmi2_rorx "
    "sse42_crc32 prefetch pop_memory prefix_bnd prefix_notrack prefix_lock prefix_rep "
    "prefix_data16 bad",
    "aarch64": "scalar_add scalar_fadd scalar_ldr_d fp16_scalar half_convert half_load bf16_bfcvt "
    "sme_smstart branch vector_like_symbol v0",
}
HEADER = b"\nx.o:     file format elf64-x86-64\n\n\nDisassembly of section .text:\n\n"


def scanned(text, architecture="x86_64", extents=None):
    scanner = new_scanner(architecture, extents=extents)
    scanner.feed(text)
    return scanner.finish()


def functions(text, architecture="x86_64", extents=None):
    (found,) = scanned(text, architecture, extents)
    return {name: rest for name, *rest in found[3]}


def recorded(architecture):
    return (DATA / f"{architecture}.txt").read_bytes()


def expected(architecture):
    lines = (DATA / f"{architecture}.expected").read_text().splitlines()
    return {name: words.split() for name, _, words in (line.partition(":") for line in lines)}


def cases():
    return [(a, name) for a in ARCHITECTURES for name in expected(a)]


@pytest.fixture(scope="module")
def found():
    return {a: functions(recorded(a), a) for a in ARCHITECTURES}


@pytest.mark.parametrize(("architecture", "name"), cases())
def test_groups_of_an_instruction(found, architecture, name):
    groups = found[architecture][name][-1]
    assert groups == dict.fromkeys(expected(architecture)[name], 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_vector_instructions(found, architecture):
    without = {name for name, (*_, vector, _) in found[architecture].items() if not vector}
    assert without == set(NOT_VECTOR[architecture].split())


def test_address_size_and_count(found):
    assert found["x86_64"]["sse2_paddb"][:3] == [7, 4, 1]
    assert found["aarch64"]["neon_fadd"][:3] == [12, 4, 1]


def test_an_undecodable_byte_is_no_instruction(found):
    _, size, instructions, vector, groups = found["x86_64"]["bad"]
    assert (size, instructions, vector, groups) == (1, 1, 0, {})


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_pieces_of_any_size_give_the_same(size):
    text = recorded("x86_64")
    scanner = new_scanner("x86_64")
    for start in range(0, len(text), size):
        scanner.feed(text[start : start + size])
    assert scanner.finish() == scanned(text)


def test_no_newline_at_the_end():
    assert functions(HEADER + b"0000000000000000 <f>:\n   0:\tc3                   \tret")["f"]


def test_operands_are_told_from_comments_and_symbols():
    text = b"""0000000000000000 <f>:
   0:\t8b 05 00 00 00 00    \tmov    eax,DWORD PTR [rip+0x0]        # 6 <ymm0>
   6:\te8 00 00 00 00       \tcall   b <k1+zmm3>
"""
    assert functions(HEADER + text)["f"] == [0, 11, 2, 0, {}]


def test_an_unknown_evex_mnemonic_counts_as_avx512f():
    text = b"0000000000000000 <f>:\n   0:\t62 f5 fc 28 58 c0    \tvnewop ymm0,ymm1,ymm2\n"
    assert functions(HEADER + text)["f"][-1] == {"avx512f": 1, "avx512vl": 1}


def test_names_are_demangled():
    text = b"0000000000000000 <_ZN4ggml3dotEPKfi>:\n   0:\tc3                   \tret\n"
    assert list(functions(HEADER + text)) == ["ggml::dot(float const*, int)"]


def test_a_name_that_would_fill_memory_stays_mangled():
    name = "_Z1fPFvvE" + "".join(f"PFvS{n}_S{n}_E" for n in ["", *range(10), *"ABCDEFGHIJKLMNOP"])
    text = f"0000000000000000 <{name}>:\n   0:\tc3                   \tret\n".encode()
    begun = time.monotonic()
    assert list(functions(HEADER + text)) == [name]
    assert time.monotonic() - begun < 1


def test_bytes_that_are_not_text_in_a_name():
    text = b"0000000000000000 <a\xff\x1b[2J>:\n   0:\tc3                   \tret\n"
    assert list(functions(HEADER + text)) == ["a\N{REPLACEMENT CHARACTER}\x1b[2J"]


def test_stubs_and_code_before_the_first_symbol_count_for_the_section():
    text = b"""0000000000000010 <f-0x10>:
  10:\tc3                   \tret

0000000000000020 <f>:
  20:\tc3                   \tret

0000000000000030 <memcpy@plt>:
  30:\tc3                   \tret
"""
    assert {n: f[2] for n, f in functions(HEADER + text).items()} == {".text": 2, "f": 1}


def test_in_a_stripped_file_code_past_a_symbol_counts_for_the_section():
    text = b"""0000000000000010 <exported@@Base>:
  10:\t0f 58 c1             \taddps  xmm0,xmm1
  13:\tc3                   \tret
  14:\tc5 fc 58 c1          \tvaddps ymm0,ymm0,ymm1
"""
    found = functions(HEADER + text, extents={0x10: 0x14})
    assert found["exported"] == [0x10, 4, 2, 1, {"sse2": 1}]
    assert found[".text"] == [0x14, 4, 1, 1, {"avx": 1}]


def test_members_of_an_archive_are_apart():
    member = b"0000000000000000 <f>:\n   0:\tc3                   \tret\n"
    text = b"In archive libx.a:\n" + HEADER + member + HEADER.replace(b"x.o", b"y.o") + member
    objects = scanned(text)
    assert [(name, form, len(found)) for name, form, _, found in objects] == [
        ("x.o", "elf64-x86-64", 1),
        ("y.o", "elf64-x86-64", 1),
    ]


def test_sections_of_an_object_are_apart():
    body = b"0000000000000000 <%s>:\n   0:\tc3                   \tret\n"
    text = HEADER + body % b".text" + b"Disassembly of section .text.f:\n" + body % b"f"
    (found,) = scanned(text)
    assert [name for name, *_ in found[3]] == [".text", "f"]


def test_text_that_plays_a_second_file_is_taken(tmp_path):
    """A symbol's name may hold a line end; bytes of the file are in use here."""
    path = tmp_path / "code"
    path.write_bytes(b"\xc3" * 32)
    body = b"0000000000000000 <f\nx:     file format y>:\n   0:\tret\n"
    with path.open("rb") as file:
        scanner = new_scanner("x86_64", file=file.fileno(), code=[(0, 0, 32)])
        scanner.feed((HEADER + body) * 3)
        assert len(scanner.finish()) == 6


def test_sizes_where_bytes_come_from_the_file(tmp_path):
    path = tmp_path / "code"
    path.write_bytes(bytes.fromhex("c5fc58c190c3") + bytes(10) + b"\xc3" + bytes(3))
    text = b"""0000000000000000 <f>:
   0:\tvaddps ymm0,ymm0,ymm1
   4:\tnop
   5:\tret
\t...

0000000000000010 <g>:
  10:\tret
\t...
"""
    with path.open("rb") as file:
        scanner = new_scanner("x86_64", file=file.fileno(), code=[(0, 0, 20)])
        scanner.feed(HEADER + text)
        ((*_, found),) = scanner.finish()
    assert [f[1:-1] for f in found] == [(0, 6, 3, 1), (16, 1, 1, 0)]
    assert found[0][-1] == {"avx": 1}


def test_a_line_without_end_takes_no_memory():
    scanner = new_scanner("x86_64")
    scanner.feed(HEADER)
    for _ in range(64):
        scanner.feed(b"0" * (1 << 20))
    scanner.feed(b"\n0000000000000000 <f>:\n   0:\tc3                   \tret\n")
    assert [name for name, *_ in scanner.finish()[0][3]] == ["f"]


@given(st.binary(max_size=400))
def test_any_bytes_are_taken(data):
    for architecture in ARCHITECTURES:
        scanned(HEADER + data, architecture)


@settings(max_examples=200)
@given(st.data())
def test_damaged_text_is_taken(data):
    architecture = data.draw(st.sampled_from(ARCHITECTURES))
    text = bytearray(recorded(architecture))
    for _ in range(data.draw(st.integers(1, 30))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(
            st.sampled_from(b"\t\n <>:#[{(%\x00\xff0afxymk")
        )
    for _, _, _, found in scanned(bytes(text), architecture):
        for _, _, size, instructions, vector, groups in found:
            assert 0 <= vector <= instructions <= size
            assert all(0 < count <= instructions for count in groups.values())


@given(
    raw=st.lists(st.integers(0, 255), min_size=1, max_size=15),
    text=st.text("abcdefvxyzmmk0123456789[]{},+-*%(). ", max_size=60),
)
def test_any_instruction_line_counts_once_at_most(raw, text):
    code = " ".join(f"{byte:02x}" for byte in raw)
    line = f"0000000000000000 <f>:\n   0:\t{code:20} \t{text}\n".encode()
    found = functions(HEADER + line)
    assert sum(f[2] for f in found.values()) <= 1
