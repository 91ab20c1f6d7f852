"""The hottest loop: real samples of a real program laid over its real disassembly."""

from collections import Counter
from pathlib import Path

import pytest

from llamabuild.errors import BadInput
from llamabuild.inspect.listing import listing, read_listing
from llamabuild.profiling.annotate import MOST_INSTRUCTIONS, branch_target, hottest_loop
from llamabuild.profiling.stacks import flame_of_chains
from llamabuild.sampling import CannotSample, Recording, located
from llamabuild.sampling.chains import ChainReader
from llamabuild.sampling.perf import ScriptReader
from llamabuild.types.profile import Instruction

DATA = Path(__file__).parents[1] / "data/profiling"
VECTOR = """
    1000:\t62 f2 75 48 50 c2    \tvpdpbusd zmm0,zmm1,zmm2
    1006:\tc5 f5 fe c2          \tvpaddd ymm0,ymm1,ymm2
    100a:\t48 83 c0 40          \tadd    rax,0x40
    100e:\t66 66 2e 0f 1f 84 00 \tdata16 cs nop WORD PTR [rax+rax*1+0x0]
    1015:\t00 00 00 00\x20
    1019:\t75 e5                \tjne    1000 <f>
"""


@pytest.fixture(scope="module")
def compute():
    return read_listing((DATA / "walk.objdump.txt").read_text().splitlines(), "x86_64")


@pytest.fixture(scope="module")
def samples():
    """Addresses in the file: what the program's code is mapped from is where it is loaded to."""
    reader = ScriptReader()
    for line in (DATA / "walk.samples.txt").read_text().splitlines():
        reader.take(line)
    places = located(Recording("perf", None, reader.mappings, reader.samples), 0, 2**63)
    found = Counter()
    for (path, offset), number in places.items():
        if path == "/build/walk":
            found[offset] += number
    return found


def loop(instructions, counts):
    return hottest_loop(instructions, counts, function="f", library="l", event="CPU time")


def test_the_loop_of_a_real_recording(compute, samples):
    found = loop(compute, samples)
    assert found.reason == ""
    assert found.samples > 300
    assert [found.instructions[0].address, found.instructions[-1].address] == [0x11D8, 0x11F0]
    assert found.instructions[-1].text == "jne 11d8 <compute+0x8>"
    assert found.share > 0.95
    assert sum(each.share for each in found.instructions) == pytest.approx(found.share)
    assert found.groups == {}  # general registers alone


def test_instructions_have_their_groups():
    found = read_listing(VECTOR.splitlines(), "x86_64")
    assert [each.address for each in found] == [0x1000, 0x1006, 0x100A, 0x100E, 0x1019]
    assert "avx512vnni" in found[0].groups
    assert found[1].groups == ("avx2",)
    assert found[2].groups == found[4].groups == ()
    result = loop(found, {0x1006: 3, 0x2000: 99})
    assert result.samples == 3
    assert result.groups["avx2"] == 1


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("jne 11d8 <compute+0x8>", 0x11D8),
        ("bnd jmp 40 <f>", 0x40),
        ("jmp rax", None),
        ("call 11d8 <f>", None),
        ("b.ne 4005d4 <main+0x10> // b.any", 0x4005D4),
        ("b 4005d4 <f>", 0x4005D4),
        ("cbnz x0, 4005d4 <f>", 0x4005D4),
        ("tbz w3, #4, 4005d4 <f>", 0x4005D4),
        ("bl 4005d4 <f>", None),
        ("br x3", None),
        ("ret", None),
    ],
)
def test_branches_of_both_architectures(text, target):
    assert branch_target(text) == target


def made(*texts):
    return [Instruction(address=10 * n, text=text) for n, text in enumerate(texts)]


def test_of_nested_loops_the_innermost_is_taken():
    body = made("a", "b", "c", "jne a <f>", "d", "jne 0 <f>")  # 0xa is the second instruction
    assert [each.text for each in loop(body, {20: 5}).instructions] == ["b", "c", "jne a <f>"]
    assert len(loop(body, {40: 5, 20: 1}).instructions) == 6


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({}, "no sample lies in its instructions"),
        ({5: 9}, "no sample lies"),
        ({0: 9}, "no loop around its hottest instruction, at 0x0"),
    ],
)
def test_no_loop_has_its_reason(counts, says):
    found = loop(made("a", "b", "jne a <f>"), counts)
    assert says in found.reason
    assert found.instructions == ()


def test_of_a_very_long_loop_the_hottest_stretch_is_kept():
    count = 3 * MOST_INSTRUCTIONS
    body = [Instruction(address=n, text="nop") for n in range(count)]
    body.append(Instruction(address=count, text="jne 0 <f>"))
    found = loop(body, {count - 5: 9, 3: 1})
    assert len(found.instructions) == MOST_INSTRUCTIONS
    assert count - 5 in {each.address for each in found.instructions}
    assert found.share == 1.0  # of the whole loop
    assert f"of {count + 1} instructions" in found.reason


def test_a_place_without_code_is_bad_input():
    with pytest.raises(BadInput, match="no code at 0x"):
        listing(Path("/bin/sh"), "x86_64", 1 << 60, 16)


# Call chains.


@pytest.fixture(scope="module")
def chains():
    reader = ChainReader()
    for line in (DATA / "walk.chains.txt").read_text().splitlines():
        reader.take(line)
    return reader.finish()


def test_every_chain_of_a_real_recording_is_read(chains):
    text = (DATA / "walk.chains.txt").read_text()
    assert len(chains) == text.count("\n\n") > 20
    assert all(chain.frames[0] == "_start" for chain in chains)
    assert chains[-1].frames[-3:] == ("main", "walk", "compute")
    assert chains[-1].time_ns == 2725490637882


def test_chains_become_paths_and_their_shares(chains):
    flame = flame_of_chains([chain.frames for chain in chains])
    assert sum(stack.share for stack in flame.stacks) == pytest.approx(1.0)
    top = max(flame.stacks, key=lambda stack: stack.share)
    assert top.frames[-1] == "compute"
    assert flame.source == "call chains by perf"


def test_frames_without_a_name_are_called_by_their_library():
    reader = ChainReader()
    for line in (
        "7/7 1.5: ",
        "\t  11 ggml_vec_dot<float (*)(int)>+0x10 (/opt/a b/lib.so)",
        "\t  12 [unknown] (/usr/lib/libgomp.so.1.0.0)",
        "\t  13 [unknown] ([unknown])",
        "",
    ):
        reader.take(line)
    [chain] = reader.finish()
    expected = ("[unknown]", "[libgomp.so.1.0.0]", "ggml_vec_dot<float (*)(int)>")
    assert chain == (1_500_000_000, expected)


@pytest.mark.parametrize("line", ["garbage", "7/7 x: ", "  11 main"])
def test_what_is_no_chain_is_refused(line):
    with pytest.raises(CannotSample, match="no call chain"):
        ChainReader().take(line)
