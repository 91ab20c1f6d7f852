"""Counts per function of AArch64 code against two others: capstone, and what the assembler demands.

Capstone 5 decodes these extensions but does not say which one an instruction belongs to. So its
text of each instruction is handed to the assembler, with one extension allowed after the other: the
first with which it is accepted is what the instruction needs. Whether it works on vectors, and of
which kind, is seen by the registers that capstone finds in it. Neither knows this project's rules.
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import capstone
import pytest
from elftools.elf.elffile import ELFFile

from llamabuild.inspect import inspect_file

from .test_inspect_decoder import EXECUTABLE, disagreements

COMPILER = shutil.which("aarch64-linux-gnu-gcc")
ASSEMBLER = shutil.which("aarch64-linux-gnu-as")

pytestmark = pytest.mark.skipif(
    COMPILER is None or ASSEMBLER is None, reason="no aarch64-linux-gnu-gcc"
)

# Base, and everything in it that is no group of ours; then what is allowed beyond it, and the
# groups of an instruction that is refused by all lines above. Half-precision products (fp16fml)
# count as fp16.
BASE = "armv8.3-a+crypto+sha3+sm4"
LADDER = {
    "": (),
    "+fp16": ("fp16",),
    "+fp16fml": ("fp16",),
    "+dotprod": ("dotprod",),
    "+i8mm": ("i8mm",),
    "+bf16": ("bf16",),
    "+sve": ("sve",),
    "+sve+i8mm": ("sve", "i8mm"),
    "+sve+bf16": ("sve", "bf16"),
    "+sve2": ("sve", "sve2"),
    "+sve2-aes+sve2-sha3+sve2-sm4+sve2-bitperm": ("sve", "sve2"),
    "+sme": ("sme",),
}
NEON_REGISTER = re.compile(r"[vq]\d+")
SVE_REGISTER = re.compile(r"[zp]\d+")
WORD = 4


class Decoder:
    """Counts groups in a range of bytes, of instructions that it was shown before."""

    def __init__(self):
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        self._capstone.detail = True
        self._groups = {}
        self.unread = []
        """What capstone takes for a vector instruction and the assembler does not take at all."""

    def learn(self, code):
        read = {}
        for word in words(code):
            if word in self._groups:
                continue
            self._groups[word] = ()
            for instruction in self._capstone.disasm(word, 0):  # its memory goes with the next
                if not instruction.group(capstone.CS_GRP_BRANCH_RELATIVE):
                    text = f"{instruction.mnemonic} {instruction.op_str}"
                    read[word] = assembly(text), [*self._registers(instruction)]
        needs = needed([text for text, _ in read.values()])
        for (word, (text, names)), need in zip(read.items(), needs, strict=True):
            sve = any(SVE_REGISTER.fullmatch(name) for name in names)
            neon = not sve and any(NEON_REGISTER.fullmatch(name) for name in names)
            if need is None and (sve or neon):
                self.unread.append(text)
            kinds = ["neon"] * neon + ["sve"] * (sve and "sme" not in (need or ()))
            self._groups[word] = tuple({*kinds, *(need or ())})

    def count(self, code, _address):
        counts = Counter()
        for word in words(code):
            counts.update(self._groups[word])
        return counts

    @staticmethod
    def _registers(instruction):
        for operand in instruction.operands:
            if operand.type == capstone.arm64.ARM64_OP_REG:
                yield instruction.reg_name(operand.reg)
            elif operand.type == capstone.arm64.ARM64_OP_MEM:
                for register in (operand.mem.base, operand.mem.index):
                    yield instruction.reg_name(register) or ""


def assembly(text):
    """Write a bit mask as wide as the elements that it is for; capstone has 32 bits of it."""
    bits = {"b": 8, "h": 16}
    wide = re.fullmatch(r"(.*z\d+\.([bh]), #)(0x[0-9a-f]{5,})", text)
    return f"{wide[1]}{int(wide[3], 16) % (1 << bits[wide[2]]):#x}" if wide else text


def words(code):
    return (code[at : at + WORD] for at in range(0, len(code) - len(code) % WORD, WORD))


def needed(texts):
    """Return for each line of assembly the groups that it needs; None if no line is accepted."""
    found = [None] * len(texts)
    for more, groups in LADDER.items():
        left = [index for index, groups_of in enumerate(found) if groups_of is None]
        done = subprocess.run(
            [ASSEMBLER, f"-march={BASE}{more}", "-o", "/dev/null", "-"],
            input="".join(f"{texts[index]}\n" for index in left),
            capture_output=True,
            text=True,
            check=False,
        )
        refused = {int(n) for n in re.findall(r"^[^:]+:(\d+): Error", done.stderr, re.MULTILINE)}
        assert refused or done.returncode == 0, done.stderr
        for line, index in enumerate(left, 1):
            if line not in refused:
                found[index] = groups
    return found


def compared(path):
    """Return the functions that differ, and what could not be compared."""
    decoder = Decoder()
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if section["sh_flags"] & EXECUTABLE and section["sh_type"] != "SHT_NOBITS":
                decoder.learn(section.data())
    return disagreements(path, decoder), decoder.unread


LOOPS = """
#include <stdint.h>
float dot(const float *a, const float *b, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
int32_t idot(const int8_t *a, const int8_t *b, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
uint32_t udot(const uint8_t *a, const uint8_t *b, int n) {
    uint32_t sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
void wide(int32_t *a, const int16_t *b, const int16_t *c, int n) {
    for (int i = 0; i < n; i++) a[i] += b[i] * c[i];
}
void mean(uint8_t *a, const uint8_t *b, const uint8_t *c, int n) {
    for (int i = 0; i < n; i++) a[i] = (b[i] + c[i] + 1) >> 1;
}
void gather(float *a, const float *b, const int32_t *at, int n) {
    for (int i = 0; i < n; i++) if (at[i] > 3) a[i] = b[at[i]] / 3;
}
void convert(float *a, const __fp16 *b, int n) {
    for (int i = 0; i < n; i++) a[i] = b[i];
}
double plain(double a, double b) { return a * b + 1; }
long scalar(long a) { return a + 1; }
"""
HALVES = """
#include <arm_neon.h>
void half(__fp16 *a, const __fp16 *b, int n) { for (int i = 0; i < n; i++) a[i] += b[i] * b[i]; }
_Float16 one(_Float16 a, _Float16 b) { return a * b - a; }
float16x8_t fused(float16x8_t a, float16x8_t b) { return vfmaq_f16(a, b, vcvtq_f16_s16(vcvtq_s16_f16(b))); }
"""
PRODUCTS = """
#include <arm_neon.h>
int32x4_t mm(int32x4_t a, int8x16_t b, int8x16_t c) { return vmmlaq_s32(a, b, c); }
int32x4_t us(int32x4_t a, uint8x16_t b, int8x16_t c) { return vusdotq_s32(a, b, c); }
int32x4_t lane(int32x4_t a, int8x16_t b, uint8x16_t c) { return vsudotq_laneq_s32(a, b, c, 1); }
"""
BRAINS = """
#include <arm_neon.h>
float32x4_t bf(float32x4_t a, bfloat16x8_t b, bfloat16x8_t c) { return vbfdotq_f32(a, b, c); }
float32x4_t bmm(float32x4_t a, bfloat16x8_t b, bfloat16x8_t c) { return vbfmmlaq_f32(a, b, c); }
float32x4_t bl(float32x4_t a, bfloat16x8_t b, bfloat16x8_t c) { return vbfmlalbq_f32(a, b, c); }
bfloat16x8_t bc(float32x4_t a, float32x4_t b) { return vcvtq_high_bf16_f32(vcvtq_low_bf16_f32(a), b); }
bfloat16_t b1(float a) { return vcvth_bf16_f32(a); }
"""
SCALABLE = """
#include <arm_sve.h>
svint32_t mm(svint32_t a, svint8_t b, svint8_t c) { return svmmla_s32(a, b, c); }
svint32_t us(svint32_t a, svuint8_t b, svint8_t c) { return svusdot_s32(a, b, c); }
svfloat32_t bf(svfloat32_t a, svbfloat16_t b, svbfloat16_t c) { return svbfdot_f32(a, b, c); }
svbfloat16_t bc(svbool_t p, svfloat32_t a) { return svcvt_bf16_f32_x(p, a); }
uint64_t count(void) { return svcntw() * 3; }
svfloat16_t half(svbool_t p, svfloat16_t a, svfloat16_t b) { return svmla_f16_x(p, a, b, b); }
"""
SECOND = """
#include <arm_sve.h>
svint32_t lalb(svint32_t a, svint16_t b, svint16_t c) { return svmlalb_s32(a, b, c); }
svint32_t mul(svint32_t a, svint32_t b) { return svmul_s32_x(svptrue_b32(), a, b); }
svint32_t muln(svint32_t a) { return svmul_n_s32_x(svptrue_b32(), a, 3); }
svuint8_t eor(svuint8_t a, svuint8_t b, svuint8_t c) { return sveor3_u8(a, b, c); }
svbool_t ge(int64_t a, int64_t b) { return svwhilege_b8_s64(a, b); }
svuint8_t halving(svbool_t p, svuint8_t a, svuint8_t b) { return svrhadd_u8_x(p, a, b); }
svint8_t saturated(svbool_t p, svint8_t a, svint8_t b) { return svqadd_s8_m(p, svqadd_s8(a, b), b); }
svuint32_t histogram(svbool_t p, svuint32_t a, svuint32_t b) { return svhistcnt_u32_z(p, a, b); }
svfloat32_t pairs(svbool_t p, svfloat32_t a, svfloat32_t b) { return svaddp_f32_x(p, a, b); }
svint8_t table(svint8_t a, svint8_t b, svuint8_t at) { return svtbx_s8(a, b, at); }
"""
KINDS = {
    "neon": ("armv8-a", LOOPS, {"neon"}),
    "fp16": ("armv8.2-a+fp16", LOOPS + HALVES, {"neon", "fp16"}),
    "fp16fml": ("armv8.2-a+fp16fml", HALVES, {"neon", "fp16"}),
    "dotprod": ("armv8.2-a+dotprod", LOOPS, {"neon", "dotprod"}),
    "i8mm": ("armv8.2-a+dotprod+i8mm", LOOPS + PRODUCTS, {"neon", "dotprod", "i8mm"}),
    "bf16": ("armv8.2-a+bf16", LOOPS + BRAINS, {"neon", "bf16"}),
    "sve": ("armv8.2-a+sve", LOOPS + HALVES, {"neon", "sve", "fp16"}),
    "sve-products": ("armv8.2-a+sve+i8mm+bf16", SCALABLE, {"sve", "i8mm", "bf16"}),
    "sve2": ("armv8.5-a+sve2", LOOPS + SECOND, {"sve", "sve2"}),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a function that compiles one of the kinds."""
    folder = tmp_path_factory.mktemp("arm")

    def build(kind):
        march, source, _ = KINDS[kind]
        target = folder / f"{kind}.so"
        if not target.exists():
            flags = ("-O3", "-ffast-math", "-shared", "-fPIC", f"-march={march}", "-x", "c", "-")
            subprocess.run([COMPILER, *flags, "-o", target], input=source, text=True, check=True)
        return target

    return build


@pytest.mark.parametrize("kind", KINDS)
def test_every_function_agrees(library, kind):
    path = library(kind)
    assert compared(path) == ([], [])
    found = {group for f in inspect_file(path)[0].functions for group in f.groups}
    assert KINDS[kind][2] <= found


@pytest.mark.parametrize("name", ["libc.so.6", "libm.so.6", "libstdc++.so.6"])
def test_every_function_of_the_systems_libraries_agrees(name):
    """Stripped, written by others, some of it by hand."""
    said = subprocess.check_output([COMPILER, f"-print-file-name={name}"], text=True)
    found = Path(said.strip())
    if not found.is_absolute():
        pytest.skip(f"no {name} for aarch64")
    assert compared(found) == ([], [])


@pytest.mark.parametrize(("more", "kind"), [("+dotprod", "dotprod"), ("+sve2", "sve2")])
def test_a_difference_is_found(library, monkeypatch, more, kind):
    """The comparison itself can fail: with one extension told wrong it names functions."""
    monkeypatch.setitem(LADDER, more, ("bf16",))
    lines, _ = compared(library(kind))
    assert any(kind in line for line in lines)
