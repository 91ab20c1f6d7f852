"""What ``-march=native`` means, from recorded output of compilers."""

import shlex

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import native_flags

# gcc 12.2 on an AMD EPYC (Zen 4), shortened in the middle.
GCC = """\
Using built-in specs.
COLLECT_GCC=gcc
Target: x86_64-linux-gnu
Configured with: ../src/configure -v --with-pkgversion='Debian 12.2.0-14+deb12u1' --with-arch-32=i686
Thread model: posix
gcc version 12.2.0 (Debian 12.2.0-14+deb12u1)
COLLECT_GCC_OPTIONS='-march=native' '-E'
 /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -imultiarch x86_64-linux-gnu /dev/null \
"-march=znver3" -mmmx -mpopcnt -msse -msse2 -msse3 -mssse3 -msse4.1 -msse4.2 -mavx -mavx2 -mfma \
-mavx512f -mbmi -mbmi2 -maes -mpclmul -mavx512vl -mavx512bw -mavx512dq -mavx512cd -mavx512vbmi \
-mavx512ifma -mavx512vpopcntdq -mavx512vbmi2 -mgfni -mvpclmulqdq -mavx512vnni -mavx512bitalg \
-mavx512bf16 -mno-avx512vp2intersect -mabm -mf16c -mlzcnt -mvaes -mxsave -mno-amx-tile \
-mno-amx-int8 -mno-amx-bf16 -mno-avxvnni -mno-avx512fp16 --param "l1-cache-size=32" --param \
"l1-cache-line-size=64" --param "l2-cache-size=1024" "-mtune=znver3" \
-fasynchronous-unwind-tables -dumpbase null
COMPILER_PATH=/usr/lib/gcc/x86_64-linux-gnu/12/:/usr/lib/gcc/x86_64-linux-gnu/
COLLECT_GCC_OPTIONS='-march=native' '-E'
"""
# clang 19.1.7 on the same CPU, shortened in the middle.
CLANG = """\
Debian clang version 19.1.7 (3~deb12u1)
Target: x86_64-pc-linux-gnu
Thread model: posix
InstalledDir: /usr/lib/llvm-19/bin
 (in-process)
 "/usr/lib/llvm-19/bin/clang" "-cc1" "-triple" "x86_64-pc-linux-gnu" "-E" "-disable-free" \
"-clear-ast-before-backend" "-disable-llvm-verifier" "-discard-value-names" "-main-file-name" \
"null" "-mrelocation-model" "pic" "-pic-level" "2" "-pic-is-pie" "-mframe-pointer=all" \
"-fmath-errno" "-ffp-contract=on" "-fno-rounding-math" "-mconstructor-aliases" \
"-funwind-tables=2" "-target-cpu" "znver4" "-target-feature" "+avx" "-target-feature" "-xop" \
"-target-feature" "-avx512fp16" "-target-feature" "+sse4.1" "-target-feature" "+avx512ifma" \
"-target-feature" "+sse4.2" "-target-feature" "-avx10.1-512" "-target-feature" \
"+avx512vpopcntdq" "-target-feature" "-avx512vp2intersect" "-target-feature" "+avx512cd" \
"-target-feature" "-avxvnniint8" "-target-feature" "-avx10.1-256" "-target-feature" "-avxvnni" \
"-target-feature" "+avx2" "-target-feature" "+avx512vl" "-target-feature" "+bmi" \
"-target-feature" "-amx-tile" "-target-feature" "+sse" "-target-feature" "+gfni" \
"-target-feature" "-avxvnniint16" "-target-feature" "+avx512f" "-target-feature" "+avx512bf16" \
"-target-feature" "+avx512vnni" "-target-feature" "+avx512bw" "-target-feature" "+sse3" \
"-target-feature" "-pku" "-target-feature" "-avxneconvert" "-target-feature" "+bmi2" \
"-target-feature" "+fma" "-target-feature" "-avxifma" "-target-feature" "+f16c" \
"-target-feature" "+avx512bitalg" "-target-feature" "+sse2" "-target-feature" "+avx512vbmi2" \
"-target-feature" "+avx512vbmi" "-target-feature" "+vaes" "-target-feature" "+avx512dq" \
"-target-feature" "+sse4a" "-debugger-tuning=gdb" "-fdebug-compilation-dir=/src" \
"-fcoverage-compilation-dir=/src" "-resource-dir" "/usr/lib/llvm-19/lib/clang/19" \
"-ferror-limit" "19" "-fgnuc-version=4.2.1" "-fskip-odr-check-in-gmf" "-faddrsig" \
"-D__GCC_HAVE_DWARF2_CFI_ASM=1" "-o" "-" "-x" "c" "/dev/null"
"""
# gcc 12.2 for aarch64 on an x86 machine: the driver passes "native" on.
CROSS_GCC = """\
COLLECT_GCC_OPTIONS='-march=native' '-E' '-mlittle-endian' '-mabi=lp64'
 /usr/lib/gcc-cross/aarch64-linux-gnu/12/cc1 -E -quiet /dev/null "-march=native" \
-mlittle-endian "-mabi=lp64" -dumpbase null
"""
# Composed after gcc on a Neoverse V1: the options stand with their values behind "=".
ARM_GCC = """\
 /usr/lib/gcc/aarch64-linux-gnu/12/cc1 -E -quiet -imultiarch aarch64-linux-gnu /dev/null \
-mlittle-endian "-mabi=lp64" "-march=armv8.4-a+rng+sm4+crypto+sha3+i8mm+bf16+sve+nossbs" \
-dumpbase null
"""


def test_gcc():
    flags = native_flags.parse_driver_output(GCC).split()
    assert flags[0] == "-march=znver3"
    assert {"-mavx2", "-mavx512vnni", "-mno-avxvnni", "-mtune=znver3"} <= set(flags)
    assert {"--param=l1-cache-size=32", "--param=l2-cache-size=1024"} <= set(flags)
    assert all(flag.startswith(("-m", "--param=")) for flag in flags)


def test_clang():
    flags = native_flags.parse_driver_output(CLANG).split()
    assert flags[0] == "-target-cpu=znver4"
    assert {"+avx512vnni", "+avx2", "-avxvnni"} <= set(flags)
    assert not any("relocation" in flag or "frame" in flag for flag in flags)


def test_the_order_of_clangs_features_does_not_count():
    *rest, first = CLANG.replace('"-target-feature" "', '"-target-feature@').split('"-target')
    shuffled = [*rest[:2], *reversed(rest[2:]), first]
    text = '"-target'.join(shuffled).replace("@", '" "')
    assert text != CLANG
    assert native_flags.parse_driver_output(text) == native_flags.parse_driver_output(CLANG)


def test_another_cpu_resolves_to_something_else():
    other = GCC.replace("-mavx512vnni", "-mno-avx512vnni")
    assert native_flags.parse_driver_output(other) != native_flags.parse_driver_output(GCC)
    sizes = GCC.replace("l2-cache-size=1024", "l2-cache-size=2048")
    assert native_flags.parse_driver_output(sizes) != native_flags.parse_driver_output(GCC)


def test_gcc_on_arm():
    assert native_flags.parse_driver_output(ARM_GCC) == (
        "-mlittle-endian -mabi=lp64 -march=armv8.4-a+rng+sm4+crypto+sha3+i8mm+bf16+sve+nossbs"
    )


@pytest.mark.parametrize("text", ["", "gcc: error: it isn't known\n", CROSS_GCC])
def test_nothing_resolved(text):
    assert native_flags.parse_driver_output(text) == ""


@pytest.fixture
def compiler(tmp_path):
    """Return a function that makes a compiler of a shell script."""

    def write(script):
        path = tmp_path / "compiler"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        native_flags.native_resolution.cache_clear()
        return str(path)

    yield write
    native_flags.native_resolution.cache_clear()


def test_a_compiler_is_asked(compiler):
    path = compiler(f"printf %s {shlex.quote(GCC)} >&2")
    assert native_flags.native_resolution(path) == native_flags.parse_driver_output(GCC)


def test_a_compiler_that_refuses(compiler):
    path = compiler("echo \"error: unknown target CPU 'native'\" >&2; exit 1")
    with pytest.raises(EnvironmentLacks, match="unknown target CPU") as caught:
        native_flags.native_resolution(path)
    assert caught.value.remedy


def test_a_compiler_that_leaves_native_as_it_is(compiler):
    path = compiler(f"printf %s {shlex.quote(CROSS_GCC)} >&2")
    with pytest.raises(EnvironmentLacks, match="cannot say what -march=native means"):
        native_flags.native_resolution(path)
