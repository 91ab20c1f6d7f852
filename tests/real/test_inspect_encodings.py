"""Every vector encoding that both objdump and iced-x86 know, one instruction a function.

All opcodes of all maps are tried with each prefix, width and length, and operands in registers
and in memory; what iced-x86 takes for an instruction goes through the assembler as bytes.
"""

import subprocess
from itertools import product

import iced_x86
import pytest

from llamabuild.inspect import inspect_file

from .test_inspect_decoder import Decoder

OPERANDS = (b"\xc1", b"\x41\x10")
OPCODE_GROUPS = {0x71, 0x72, 0x73, 0xAE, 0xC7, 0xF3}
IMMEDIATES = (b"", b"\x00")


def legacy(opcode, modrm):
    for prefix, rex, page in product(
        (b"", b"\x66", b"\xf3", b"\xf2"), (b"", b"\x48"), (b"\x0f", b"\x0f\x38", b"\x0f\x3a")
    ):
        yield prefix + rex + page + opcode + modrm


def vex(opcode, modrm):
    for page, pp, w, length, source in product((1, 2, 3), range(4), (0, 1), (0, 1), (15, 13)):
        head = bytes([0xC4, 0xE0 | page, w << 7 | source << 3 | length << 2 | pp])
        yield head + opcode + modrm


def evex(opcode, modrm):
    for page, pp, w, length, broadcast, source in product(
        (1, 2, 3, 5, 6), range(4), (0, 1), (0, 1, 2), (0, 1), (15, 13)
    ):
        head = bytes(
            [0x62, 0xF0 | page, w << 7 | source << 3 | 4 | pp, length << 5 | broadcast << 4 | 9]
        )
        yield head + opcode + modrm


def operands(opcode):
    yield from OPERANDS
    if opcode in OPCODE_GROUPS:
        yield from (bytes([0xC1 | r << 3]) for r in range(1, 8))


def valid():
    """Yield encodings that are one whole instruction, one for each meaning."""
    seen = set()
    for opcode in range(256):
        for family, modrm in product((legacy, vex, evex), operands(opcode)):
            for head, immediate in product(family(bytes([opcode]), modrm), IMMEDIATES):
                code = head + immediate
                instruction = iced_x86.Decoder(64, code).decode()
                meaning = (
                    instruction.code,
                    modrm[0] >> 6,
                    head[3] & 0x70 if head[0] == 0x62 else 0,
                )
                whole = not instruction.is_invalid and instruction.len == len(code)
                if whole and meaning not in seen:
                    seen.add(meaning)
                    yield instruction, code


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Each encoding that objdump takes for one instruction: text, our groups, iced's groups."""
    decoder = Decoder()
    wanted = [(str(i), decoder.groups(i), code) for i, code in valid()]
    source = tmp_path_factory.mktemp("encodings") / "all.s"
    lines = (
        f".globl i{n}\n.type i{n},@function\ni{n}: .byte {','.join(map(str, code))}\n"
        for n, (_, _, code) in enumerate(wanted)
    )
    source.write_text(".text\n" + "".join(lines))
    target = source.with_suffix(".o")
    subprocess.run(["as", source, "-o", target], check=True)
    (found,) = inspect_file(target)
    ours = {f.name: f for f in found.functions}
    return [
        (text, ours[f"i{n}"].groups, dict.fromkeys(groups, 1))
        for n, (text, groups, code) in enumerate(wanted)
        if f"i{n}" in ours and (ours[f"i{n}"].instructions, ours[f"i{n}"].size) == (1, len(code))
    ]


def test_there_are_thousands_and_all_groups_are_among_them(compared):
    assert len(compared) > 5000
    assert len({group for _, _, groups in compared for group in groups}) == 29


def test_each_counts_where_iced_says(compared):
    assert [row for row in compared if row[1] != row[2]] == []
