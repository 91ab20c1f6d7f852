"""Counts per function against an independent decoder: iced-x86 on the same bytes."""

from bisect import bisect_left
from collections import Counter
from pathlib import Path

import iced_x86
import numpy as np
import psutil
import pytest
from elftools.elf.elffile import ELFFile

from llamabuild.inspect import inspect_file

GROUP_OF_FEATURE = {
    "SSE": "sse2",
    "SSE2": "sse2",
    "SSE3": "sse3",
    "SSSE3": "ssse3",
    "SSE4_1": "sse41",
    "SSE4_2": "sse42",
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "BMI1": "bmi1",
    "BMI2": "bmi2",
    "AVX_VNNI": "avxvnni",
    "AVX512F": "avx512f",
    "AVX512BW": "avx512bw",
    "AVX512DQ": "avx512dq",
    "AVX512VL": "avx512vl",
    "AVX512CD": "avx512cd",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VBMI2": "avx512vbmi2",
    "AVX512_VNNI": "avx512vnni",
    "AVX512_BITALG": "avx512bitalg",
    "AVX512_VPOPCNTDQ": "avx512vpopcntdq",
    "AVX512_IFMA": "avx512ifma",
    "AVX512_BF16": "avx512bf16",
    "AVX512_FP16": "avx512fp16",
    "GFNI": "gfni",
    "VAES": "vaes",
    "VPCLMULQDQ": "vpclmulqdq",
    "AMX_TILE": "amx",
    "AMX_INT8": "amx",
    "AMX_BF16": "amx",
    "AMX_FP16": "amx",
    "AMX_COMPLEX": "amx",
}
FEATURE_NAMES = {
    value: name for name, value in vars(iced_x86.CpuidFeature).items() if isinstance(value, int)
}
EXECUTABLE = 4


class Decoder:
    """Counts groups in a range of bytes; remembers what each kind of instruction needs."""

    def __init__(self, bits=64):
        self.bits = bits
        self._groups = {}

    def groups(self, instruction):
        code = instruction.code
        if code not in self._groups:
            features = (FEATURE_NAMES[f] for f in instruction.cpuid_features())
            found = {GROUP_OF_FEATURE[f] for f in features if f in GROUP_OF_FEATURE}
            self._groups[code] = tuple(sorted(found))
        return self._groups[code]

    def count(self, code, address):
        counts = Counter()
        for instruction in iced_x86.Decoder(self.bits, code, ip=address):
            counts.update(self.groups(instruction))
        return counts


def disagreements(path, decoder=None):
    """Return a line for each function of an ELF file whose counts a decoder doesn't confirm.

    By default that is iced-x86; it has a method ``count`` of code and address.

    Functions are decoded from their address over their size; the rest of a section is held
    against the entry that stands for the section.
    """
    (inspection,) = inspect_file(path)
    decoder = decoder or Decoder(64 if inspection.architecture == "x86_64" else 32)
    functions = sorted(inspection.functions, key=lambda f: f.address)
    starts = [function.address for function in functions]
    found = []
    with Path(path).open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if not section["sh_flags"] & EXECUTABLE or section["sh_type"] == "SHT_NOBITS":
                continue
            base, code = section["sh_addr"], section.data()
            inside = functions[bisect_left(starts, base) : bisect_left(starts, base + len(code))]
            rest, position = Counter(), base
            for function in inside:
                if function.name == section.name:
                    continue
                start, end = function.address - base, function.address - base + function.size
                rest += decoder.count(code[position - base : start], position)
                position = max(position, base + end)
                counts = decoder.count(code[start:end], function.address)
                found += difference(function.name, function.address, function.groups, counts)
            rest += decoder.count(code[position - base :], position)
            whole = [function.groups for function in inside if function.name == section.name]
            found += difference(section.name, base, whole[0] if whole else {}, rest)
    return found


def difference(name, address, ours, theirs):
    if ours == {group: count for group, count in theirs.items() if count}:
        return []
    wrong = {g for g in {*ours, *theirs} if ours.get(g, 0) != theirs.get(g, 0)}
    counts = ", ".join(f"{g}: {ours.get(g, 0)} not {theirs.get(g, 0)}" for g in sorted(wrong))
    return [f"{name} at {address:#x}: {counts}"]


def system_libc():
    """The C library of this process: stripped, with code for every CPU."""
    paths = [m.path for m in psutil.Process().memory_maps()]
    return [Path(path) for path in paths if Path(path).name.startswith("libc.so")]


def numpy_libraries():
    """numpy's kernels and the OpenBLAS that it brings, both rich in AVX-512."""
    package = Path(np.__file__).parent
    return sorted(
        [
            *package.glob("_core/_multiarray_umath*.so"),
            *package.parent.glob("numpy.libs/*openblas*.so*"),
        ]
    )


@pytest.mark.parametrize("path", [*system_libc(), *numpy_libraries()], ids=lambda path: path.name)
def test_every_function_agrees(path):
    assert disagreements(path) == []


def test_a_difference_is_found(monkeypatch):
    """The comparison itself can fail: with AVX2 told wrong it names functions."""
    monkeypatch.setitem(GROUP_OF_FEATURE, "AVX2", "sse2")
    (path,) = system_libc()
    assert any("avx2" in line for line in disagreements(path))
