"""Simulated caches: callgrind's own output, a valgrind that misbehaves, and caches as it takes them."""

import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import tool_table
from llamabuild.profiling import valgrind
from llamabuild.profiling.caches import in_words, simulated_caches, ways_of
from llamabuild.profiling.callgrind import BadCallgrind, Function, read_callgrind
from llamabuild.profiling.stacks import flame_of_call_graph, flame_of_functions
from llamabuild.profiling.valgrind import (
    CannotSimulate,
    facts,
    refused_groups,
    simulate,
    simulated_counts,
    simulated_functions,
)
from llamabuild.types.machine import Cache
from llamabuild.types.proof import FunctionShare
from tests.runs import CPU

DATA = Path(__file__).parents[1] / "data/profiling"
# 2 rounds of walk.c: 4 times 16384 lines, but the loop over rounds was taken out by the compiler.
RECORDED = DATA / "walk.callgrind"


@pytest.fixture(scope="module")
def graph():
    return read_callgrind(RECORDED.read_text().splitlines(keepends=True))


def test_the_costs_of_all_functions_are_the_total_that_callgrind_gives(graph):
    [totals] = [line for line in RECORDED.read_text().splitlines() if line.startswith("totals:")]
    for event, total in zip(graph.events, totals.split()[1:], strict=False):
        assert graph.total(event) == int(total), event


def test_what_was_called_is_no_cost_of_the_caller(graph):
    own = {function.name: costs[0] for function, costs in graph.own.items()}
    assert own["compute"] == 3945736
    assert own["stream.constprop.0"] == 98316
    assert own["walk"] == 6201239 - 3945736 - 98316 - 60004


def test_calls_have_their_inclusive_cost_and_both_libraries(graph):
    walk, main = Function("walk", "walk"), Function("main", "walk")
    start = Function("__libc_start_main@@GLIBC_2.34", "libc.so.6")
    assert graph.calls[main, walk] == 6201239
    assert graph.calls[walk, Function("compute", "walk")] == 12 + 3145716 + 400004 + 400004
    assert graph.calls[Function("(below main)", "walk"), start] == 6201239


def test_counts_by_role(graph):
    counts = simulated_counts(graph)
    assert counts["instructions"] == 6201239
    assert counts["l1_accesses"] == 298533
    assert (counts["l1_misses"], counts["llc_accesses"]) == (17967, 17967)
    assert counts["llc_misses"] == 16574
    assert (counts["branches"], counts["branch_misses"]) == (660675, 42)


def test_functions_are_ranked_by_last_level_misses(graph):
    found = simulated_functions(graph)
    assert [f.name for f in found[:2]] == ["stream.constprop.0", "follow.constprop.0"]
    assert (found[0].reads, found[0].l1_misses, found[0].ll_misses) == (16385, 16385, 16385)
    assert found[1].ll_misses == 189


def test_paths_through_the_call_graph_share_all_instructions(graph):
    flame = flame_of_call_graph(graph)
    assert sum(stack.share for stack in flame.stacks) == pytest.approx(1.0, abs=0.01)
    shares = {stack.frames[-1]: stack.share for stack in flame.stacks}
    assert shares["compute"] == pytest.approx(3945736 / 6201239)
    [compute] = [stack.frames for stack in flame.stacks if stack.frames[-1] == "compute"]
    assert compute[-3:] == ("main", "walk", "compute")
    assert "simulated" in flame.source
    assert flame.unit == "simulated instructions"


def test_a_function_that_two_call_is_shared_as_each_caused_it():
    text = [
        "events: Ir\n",
        *("fn=a\n", "1 100\n", "cfn=c\n", "calls=1 1\n", "1 300\n"),
        *("fn=b\n", "1 100\n", "cfn=c\n", "calls=1 1\n", "1 100\n"),
        *("fn=c\n", "1 400\n"),
    ]
    flame = flame_of_call_graph(read_callgrind(text))
    shares = {stack.frames: stack.share for stack in flame.stacks}
    assert shares == {
        ("a",): pytest.approx(1 / 6),
        ("b",): pytest.approx(1 / 6),
        ("a", "c"): pytest.approx(3 / 6),
        ("b", "c"): pytest.approx(1 / 6),
    }


def test_recursion_ends():
    text = ["events: Ir\n"]
    for name, callee in (("a", "b"), ("b", "a"), ("a", "a'2")):
        text += [f"fn={name}\n", "1 10\n", f"cfn={callee}\n", "calls=1 1\n", "1 10\n"]
    graph = read_callgrind(text)
    assert graph.total("Ir") == 30
    assert all(len(stack.frames) <= 2 for stack in flame_of_call_graph(graph).stacks)


def test_samples_without_callers_have_two_levels():
    functions = [FunctionShare(name=n, library="l", share=s) for n, s in (("f", 0.6), ("g", 0.4))]
    flame = flame_of_functions(functions, "CPU time", "no chains")
    assert [(s.frames, s.share) for s in flame.stacks] == [(("l", "f"), 0.6), (("l", "g"), 0.4)]
    assert "without callers" in flame.source
    assert flame.reason == "no chains"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no events"),
        ("hello\n", "names no events"),
        ("1 2\nevents: Ir\n", "before the names of events"),
        ("events: Ir\nfn=(7)\n1 2\n", "was not named"),
        ("events: Ir\nfn=f\n1 2 x\n", "'1 2 x'"),
    ],
)
def test_a_damaged_file_is_refused(text, says):
    with pytest.raises(BadCallgrind, match=says):
        read_callgrind(text.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("groups", "refused"),
    [
        (("avx2", "fma", "f16c", "bmi2"), ()),
        (("avx2", "avx512f", "avx512vnni"), ("avx512f", "avx512vnni")),
        (("avxvnni",), ("avxvnni",)),
    ],
)
def test_builds_that_valgrind_cannot_run_are_known_by_their_groups(groups, refused):
    assert refused_groups(groups, "x86_64") == refused


def cpu_with(*caches):
    found = [
        Cache(level=level, kind=kind, size_bytes=size, line_bytes=64, shared_by=1)
        for level, kind, size in caches
    ]
    return msgspec.structs.replace(CPU, caches=tuple(found))


def test_caches_keep_their_size_with_a_power_of_two_of_sets(tmp_path):
    cpu = cpu_with(
        (1, "data", 48 << 10),
        (1, "instruction", 32 << 10),
        (2, "unified", 2 << 20),
        (3, "unified", 260 << 20),
    )
    for index, (level, kind, ways) in enumerate([(1, "Data", 12), (3, "Unified", 20)]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, word in (("level", level), ("type", kind), ("ways_of_associativity", ways)):
            (folder / name).write_text(f"{word}\n")
    found = {cache.option: cache for cache in simulated_caches(cpu, tmp_path)}
    assert found["D1"].argument == "--D1=49152,12,64"
    assert found["I1"].ways == 8  # the system does not say
    for cache in found.values():
        sets = cache.size_bytes // (cache.ways * 64)
        assert sets & (sets - 1) == 0
    assert found["LL"].size_bytes == pytest.approx(260 << 20, rel=0.05)
    assert "LL 262,144 KiB" in in_words(tuple(found.values()))


def test_a_machine_that_does_not_tell_leaves_the_caches_to_valgrind(tmp_path):
    assert simulated_caches(cpu_with(), tmp_path) == ()
    assert in_words(()) == "as valgrind finds them"
    assert ways_of(Cache(level=1, kind="data", size_bytes=1, line_bytes=64, shared_by=1)) in (
        None,
        *range(1, 65),
    )


# A valgrind that writes what it is told, as many dumps as there are calls.
VALGRIND = """#!{python}
import sys
[output] = [w.partition("=")[2] for w in sys.argv if w.startswith("--callgrind-out-file=")]
for name, text in {dumps!r}.items():
    open(output + name, "w").write(text)
print("last words", file=sys.stderr)
{end}
"""


@pytest.fixture
def fake_valgrind(monkeypatch, tmp_path):
    def fake(dumps, end=""):
        path = tmp_path / "valgrind"
        path.write_text(VALGRIND.format(python=sys.executable, dumps=dumps, end=end))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        tool = SimpleNamespace(path=str(path), version="valgrind-9")
        monkeypatch.setattr(valgrind, "find_tool", lambda _name: tool)

    return fake


def dump(instructions):
    return f"events: Ir\nfn=f\n1 {instructions}\n"


def test_the_last_call_that_did_anything_is_taken(fake_valgrind):
    fake_valgrind({".1": dump(5), ".2": dump(6), ".10": dump(7), "": "events: Ir\n"})
    found = simulate(["program"], (), environment={})
    assert found.calls == 3
    assert found.graph.total("Ir") == 7


@pytest.mark.parametrize(
    ("dumps", "end", "says"),
    [
        ({"": "events: Ir\n"}, "", f"never called {facts().entered}"),
        ({}, "", "never called"),
        ({".1": "1 2 3\n"}, "", "before the names of events"),
        ({}, "sys.exit(3)", "exited with 3: last words"),
        ({}, "import os, signal; os.kill(os.getpid(), signal.SIGILL)", "does not know an instr"),
    ],
)
def test_a_simulation_that_failed_says_why(fake_valgrind, dumps, end, says):
    fake_valgrind(dumps, end)
    with pytest.raises(CannotSimulate, match=says):
        simulate(["program"], (), environment={})


def test_no_valgrind_says_what_to_install(monkeypatch):
    assert tool_table()["valgrind"].debian == "valgrind"

    def lacks(_name):
        raise EnvironmentLacks("'valgrind' was not found", "apt-get install valgrind")

    monkeypatch.setattr(valgrind, "find_tool", lacks)
    with pytest.raises(CannotSimulate, match="apt-get install valgrind"):
        simulate(["program"], (), environment={})
