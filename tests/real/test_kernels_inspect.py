"""The machine code of every kernel in the built module, by this project's own inspection."""

import re
import shutil
from pathlib import Path

import pytest

from llamabuild import _native
from llamabuild.inspect import inspect_file
from llamabuild.kernels.registry import implementations, instruction_sets
from llamabuild.types.inspection import FunctionIsa

pytestmark = pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump")

PROBE = re.compile(r"\blb::probes::")
"""Probes choose among their own loops by the CPU's features, as kernels do."""
FLOATS = {"f32", "f16", "bf16"}
"""Formats without byte products: nothing that a byte instruction set adds is of use."""

# What the code of a kernel must have: the instructions that make its set worth a name.
REQUIRED = {
    "scalar": set(),
    "avx2": {"avx2"},
    "avxvnni": {"avxvnni"},
    "avx512": {"avx512bw"},
    "avx512vnni": {"avx512vnni"},
    "neon": {"neon"},
    "dotprod": {"dotprod"},
    "i8mm": {"i8mm"},
}
REQUIRED_OF_FLOATS = {
    "scalar": set(),
    "avx2": {"fma"},
    "avxvnni": {"fma"},
    "avx512": {"avx512f"},
    "avx512vnni": {"avx512f"},
    "neon": {"neon"},
    "dotprod": {"neon"},
    "i8mm": {"neon"},
}
# Same code as avx2: nothing is gained by products of four, because scales come between.
EXCEPTIONS = {("iq4_xs", "avxvnni"): {"avx2"}}
# What every CPU of the architecture has (tzcnt, of bmi1, is bsf on CPUs without), and what the
# features imply.
PLAIN = {"sse2", "bmi1", "neon"}
BELOW_AVX2 = {"sse3", "ssse3", "sse41", "sse42", "avx"}


@pytest.fixture(scope="module")
def functions():
    """Return the functions of the module by the address at which they run.

    In a stripped module only visible functions have a name and an address of their own.
    """
    path = Path(_native.__file__).resolve()
    [inspection] = inspect_file(path)
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    start = next(
        line for line in lines if line.endswith(str(path)) and line.split()[2] == "00000000"
    )
    base = int(start.partition("-")[0], 16)
    return {base + f.address: f for f in inspection.functions}


def faults(kernel, function: FunctionIsa):
    """Return what the code lacks and what it must not have."""
    table = REQUIRED_OF_FLOATS if kernel.format in FLOATS else REQUIRED
    features = set(kernel.features)
    allowed = PLAIN | features | (BELOW_AVX2 if "avx2" in features else set())
    present = set(function.groups)
    required = EXCEPTIONS.get((kernel.format, kernel.isa), table[kernel.isa])
    return required - present, present - allowed


@pytest.mark.parametrize("isa", [i.name for i in instruction_sets()])
def test_each_kernel_is_what_it_is_named(functions, isa):
    kernels = implementations(isa=isa)
    assert kernels
    wrong = {}
    for kernel in kernels:
        if kernel.address not in functions:
            # The scalar gemv and gemm are not visible; see the test of everything else.
            assert kernel.isa == "scalar"
            continue
        lacking, beyond = faults(kernel, functions[kernel.address])
        if lacking or beyond:
            wrong[kernel.symbol] = (sorted(lacking), sorted(beyond))
    assert wrong == {}


def test_symbols_name_the_functions(functions):
    """Of every shape; the scalar gemv and gemm are not visible."""
    visible = [k for k in implementations() if k.shape == "vec_dot" or k.isa != "scalar"]
    assert {k.shape for k in visible} == {"vec_dot", "gemv", "gemm"}
    wrong = {
        kernel.symbol: functions[kernel.address].name
        for kernel in visible
        if functions[kernel.address].name.split("(")[0] != kernel.symbol
    }
    assert wrong == {}


def test_nothing_else_in_the_module_needs_more_than_the_architecture(functions):
    """The module must load on any CPU, to say what it has."""
    if any(f.name == ".text" for f in functions.values()):
        pytest.skip("the module is stripped: what is no kernel has no names")
    kernels = {k.address for k in implementations() if k.isa != "scalar"}
    beyond = {
        f.name: sorted(set(f.groups) - PLAIN)
        for address, f in functions.items()
        if address not in kernels and not PROBE.search(f.name) and set(f.groups) - PLAIN
    }
    assert beyond == {}


def test_a_wrong_name_is_found(functions):
    """The check itself: the code of one set under the name of another."""
    by_isa = {k.isa: k for k in implementations("q4_K", "vec_dot")}
    if "avx512vnni" not in by_isa:
        pytest.skip("kernels of another architecture")
    code = {isa: functions[k.address] for isa, k in by_isa.items()}
    assert faults(by_isa["avx512"], code["avx2"])[0] == {"avx512bw"}
    assert "avx512vnni" in faults(by_isa["avx512"], code["avx512vnni"])[1]
    assert "avx2" in faults(by_isa["scalar"], code["avx2"])[1]
    assert faults(by_isa["avxvnni"], code["avx512vnni"])[0] == {"avxvnni"}
