"""Files that this machine's own compiler and binutils make."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from llamabuild.errors import BadInput
from llamabuild.inspect import check_expectations, inspect_file
from llamabuild.types.variant import Expectation

from .test_inspect_decoder import disagreements

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc"),
    pytest.mark.skipif("x86" not in subprocess.getoutput("gcc -dumpmachine"), reason="not x86"),
]

SOURCE = """
#include <stdint.h>
float dot(const float *a, const float *b, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
int32_t idot(const uint8_t *a, const int8_t *b, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
int plain(int a) { return a + 1; }
"""
INTRINSIC = """
#include <immintrin.h>
__m256i dpbusd(__m256i a, __m256i b, __m256i c) { return NAME(a, b, c); }
"""


@pytest.fixture
def build(tmp_path):
    def build(*flags, source=SOURCE, name="x.so"):
        (tmp_path / "x.c").write_text(source)
        target = tmp_path / name
        shape = ("-c",) if name.endswith(".o") else ("-shared", "-fPIC")
        command = ["gcc", "-O3", "-ffast-math", *shape, *flags, tmp_path / "x.c", "-o", target]
        subprocess.run(command, check=True)
        return target

    return build


def by_name(path):
    (found,) = inspect_file(path)
    return found, {f.name: f for f in found.functions}


@pytest.mark.parametrize(
    ("flags", "has", "lacks"),
    [
        ((), {"sse2"}, {"sse3", "avx", "fma"}),
        (("-msse4.2",), {"sse2", "sse41"}, {"avx"}),
        (("-mavx2", "-mfma"), {"avx", "avx2", "fma"}, {"avx512f", "avxvnni"}),
        (
            ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"),
            {"avx512f", "avx512bw"},
            {"avx512vnni", "sse2"},
        ),
        (("-mavx512vnni", "-mavx512vl"), {"avx512vl", "avx512vnni"}, {"avxvnni"}),
    ],
)
def test_flags_show_in_the_functions(build, flags, has, lacks):
    path = build(*flags)
    found, functions = by_name(path)
    seen = {group for f in (functions["dot"], functions["idot"]) for group in f.groups}
    assert has <= seen
    assert not lacks & seen
    assert functions["plain"].vector == 0
    assert disagreements(path) == []
    gate = Expectation(binary="*", function="*dot", require=tuple(has), forbid=tuple(lacks))
    assert check_expectations([found], [gate])[0].passed


@pytest.mark.parametrize(
    ("flags", "name", "groups"),
    [
        (("-mavxvnni",), "_mm256_dpbusd_avx_epi32", {"avxvnni": 1}),
        (
            ("-mavx512vnni", "-mavx512vl"),
            "_mm256_dpbusd_epi32",
            {"avx512vl": 1, "avx512vnni": 1},
        ),
    ],
)
def test_the_same_mnemonic_in_two_encodings(build, flags, name, groups):
    _, functions = by_name(build(*flags, f"-DNAME={name}", source=INTRINSIC))
    assert {
        g: n for g, n in functions["dpbusd"].groups.items() if "vnni" in g or "512" in g
    } == groups


def test_an_archive_counts_like_its_objects(build, tmp_path):
    first, second = build("-mavx2", name="a.o"), build(name="b.o")
    path = tmp_path / "libx.a"
    subprocess.run(["ar", "rcs", path, first, second], check=True)
    members = inspect_file(path)
    assert [m.file for m in members] == ["libx.a(a.o)", "libx.a(b.o)"]
    for member, alone in zip(members, (first, second), strict=True):
        assert member.functions == inspect_file(alone)[0].functions


def test_a_thin_archive_counts_like_its_objects(build, tmp_path):
    (tmp_path / "deep").mkdir()
    first, second = build("-mavx2", name="deep/a.o"), build(name="b.o")
    path = tmp_path / "libx.a"
    subprocess.run(["ar", "rcsT", "libx.a", "deep/a.o", "b.o"], check=True, cwd=tmp_path)
    members = inspect_file(path)
    assert [m.file for m in members] == ["libx.a(deep/a.o)", "libx.a(b.o)"]
    for member, alone in zip(members, (first, second), strict=True):
        assert member.functions == inspect_file(alone)[0].functions


def test_a_stripped_library_keeps_what_it_exports(build, tmp_path):
    path = build("-mavx2", "-mfma")
    whole, functions = by_name(path)
    subprocess.run(["strip", path], check=True)
    stripped, left = by_name(path)
    assert (whole.stripped, stripped.stripped) == (False, True)
    assert stripped.groups == whole.groups
    assert left["dot"].groups == functions["dot"].groups
    assert disagreements(path) == []


def test_a_stripped_object_counts_per_section(build):
    path = build("-mavx2", "-ffunction-sections", name="x.o")
    subprocess.run(["strip", path], check=True)
    found, functions = by_name(path)
    assert found.stripped
    assert {".text.dot", ".text.idot", ".text.plain"} <= set(functions)


def test_a_wheel_counts_like_its_library(build, tmp_path):
    path = build("-mavx2")
    wheel = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.write(path, "p/x.so")
    (member,) = inspect_file(wheel)
    assert member.file == "p-1-py3-none-any.whl(p/x.so)"
    assert member.functions == inspect_file(path)[0].functions


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_library_is_refused(build, share):
    path = build()
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput):
        inspect_file(path)


def test_the_gate_from_the_command_line(build):
    path = build("-mavx2", "-mfma")

    def gate(*arguments):
        command = [sys.executable, "-m", "llamabuild", "inspect", path, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert gate("--require", "avx2,fma", "--forbid", "avx512f").returncode == 0
    failed = gate("--require", "avx2,avx512f", "--function", "idot")
    assert failed.returncode == 1
    assert "no avx512f instruction in functions matching 'idot'" in failed.stdout
    assert len(failed.stderr.splitlines()) == 1
