"""Which functions a workload ran: the right stretch of time, joined with the inspection, kept."""

import sys
from pathlib import Path

import msgspec
import pytest

from llamabuild.interrupts import Interrupts
from llamabuild.pipeline import execution as pipeline
from llamabuild.pipeline.execution import prove_executions
from llamabuild.pipeline.execution_join import functions, libraries, loaded
from llamabuild.pipeline.execution_memory import memory_key, remember, remembered
from llamabuild.pipeline.observer import Observer
from llamabuild.sampling import CannotSample, Mapping, choose, read_image, settings
from llamabuild.sampling.preload import sampler_library
from llamabuild.store.builds import files_folder
from llamabuild.types.build import Build, Plan
from llamabuild.types.inspection import FunctionIsa, Inspection
from llamabuild.types.proof import Execution, FunctionShare
from llamabuild.types.run import Arm
from llamabuild.types.variant import Runtime, Variant
from tests.runs import PP, TG, make_run

# Loads with zlib, computes with hashlib and tidies up with zlib.
BENCH = """#!{python}
import hashlib, json, sys, time, zlib
BLOCK = bytes(1 << 20)
def work(function, seconds):
    begun = time.monotonic_ns()
    while time.monotonic_ns() < begun + seconds * 1e9:
        function(BLOCK)
    return time.monotonic_ns() - begun
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with open(__file__ + ".calls", "a") as calls:
    calls.write(arguments["-r"] + "\\n")
work(zlib.crc32, {loading})
samples = [work(hashlib.sha512, {seconds}) for _ in range(int(arguments["-r"]))]
tests = {{"n_prompt": int(arguments["-p"]), "n_gen": int(arguments["-n"])}}
print(json.dumps({{**tests, "samples_ns": samples}}), flush=True)
work(zlib.crc32, {tidying})
{end}
"""


def build_of(name):
    plan = Plan(
        build_id=f"id-{name}",
        variant=name,
        source_digest="d",
        steps=(),
        compilers=(),
        native_resolution="",
        outputs=(),
    )
    return Build(
        id=plan.build_id,
        plan=plan,
        files=(),
        seconds=1,
        cpu_seconds=1,
        size_bytes=1,
        compiled=1,
        cache_hits=-1,
        created="2026-11-22T12:00:00+00:00",
    )


def arm_of(name="native", **fields):
    variant = Variant(name=name, description="", source="")
    values = {"status": "ready", "reason": "", "variant": variant, "build": build_of(name)}
    return Arm(name=name, **{**values, **fields})


@pytest.fixture
def bench():
    """Put a stand-in for llama-bench into the store; returns the file that lists its calls."""

    def put(seconds=0.1, loading=0.0, tidying=0.0, end=""):
        program = files_folder("id-native") / "llama-bench"
        program.parent.mkdir(parents=True)
        program.write_text(
            BENCH.format(
                python=sys.executable, seconds=seconds, loading=loading, tidying=tidying, end=end
            )
        )
        program.chmod(0o755)
        return Path(f"{program}.calls")

    return put


@pytest.fixture
def quick(monkeypatch):
    short = msgspec.structs.replace(settings(), seconds=0.3, least_samples=5)
    monkeypatch.setattr(pipeline, "settings", lambda: short)
    # The machine that runs the tests may be busy.
    monkeypatch.setattr(pipeline, "disturbed", lambda *_: "")


def refuse(*_args, **_options):
    raise CannotSample("switched off")


def prove(run):
    return prove_executions(run, Observer(), Interrupts())


def test_loading_and_tidying_up_have_no_part_in_the_workload(monkeypatch, bench, quick):
    """They take 0.8 s of CPU time in zlib, the workload 0.3 s in hashlib."""
    monkeypatch.setattr(choose, "record_with_perf", refuse)
    calls = bench(loading=0.5, tidying=0.3)
    [arm] = prove(make_run(arms=(arm_of(),), workloads=(TG,)))
    [execution] = arm.executions
    assert execution.reason == ""
    assert execution.workload == "tg16"
    assert execution.method == "SIGPROF sampler"
    zlib = sum(
        share for name, share in execution.libraries.items() if "zlib" in name or "libz" in name
    )
    assert zlib < 0.15
    assert sum(execution.libraries.values()) == pytest.approx(1)
    # One repetition tells how many it takes.
    assert calls.read_text().split() == ["1", "3"]


def test_a_second_run_samples_nothing_again(monkeypatch, bench, quick):
    monkeypatch.setattr(choose, "record_with_perf", refuse)
    calls = bench(seconds=0.3)
    run = make_run(arms=(arm_of(),), workloads=(TG,))
    first = prove(run)
    assert calls.read_text().split() == ["1"]
    assert prove(run) == first
    # A resumed run has them already, whatever became of the cache.
    monkeypatch.setattr(pipeline, "remembered", lambda _key: None)
    assert prove(msgspec.structs.replace(run, arms=first)) == first
    assert calls.read_text().split() == ["1"]


def test_shares_of_a_busy_machine_are_not_kept(monkeypatch, bench, quick):
    monkeypatch.setattr(choose, "record_with_perf", refuse)
    monkeypatch.setattr(pipeline, "disturbed", lambda states, cpus: f"{len(states)} of {cpus}")
    calls = bench(seconds=0.3)
    said = []
    observer = Observer()
    observer.note = said.append
    run = make_run(arms=(arm_of(),), workloads=(TG,))
    for count in (1, 2):
        [arm] = prove_executions(run, observer, Interrupts())
        assert arm.executions[0].samples > 0
        assert len(calls.read_text().split()) == count
    assert said[1] == "1 of 2: the shares of tg16 are not kept for later runs"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("sys.exit('no such model')", "llama-bench exited with 1: no such model"),
        ("print('{}')", "llama-bench printed 2 lines of results, expected 1"),
    ],
)
def test_a_program_that_fails_is_a_reason_and_is_tried_again(
    monkeypatch, bench, quick, end, reason
):
    monkeypatch.setattr(choose, "record_with_perf", refuse)
    calls = bench(end=end)
    run = make_run(arms=(arm_of(),), workloads=(TG,))
    for count in (1, 2):
        [arm] = prove(run)
        assert arm.status == "ready"
        assert arm.executions == (Execution(workload="tg16", method="", samples=0, reason=reason),)
        assert len(calls.read_text().split()) == count


def test_where_nothing_can_sample_the_reason_is_in_the_arm(monkeypatch):
    monkeypatch.setattr(pipeline, "record", refuse)
    [arm] = prove(make_run(arms=(arm_of(),)))
    assert [(e.workload, e.reason) for e in arm.executions] == [
        (PP.name, "switched off"),
        (TG.name, "switched off"),
    ]


def test_too_few_samples_still_tell_what_was_loaded(monkeypatch, bench, quick):
    monkeypatch.setattr(choose, "record_with_perf", refuse)
    many = msgspec.structs.replace(settings(), seconds=0.1, least_samples=10**9)
    monkeypatch.setattr(pipeline, "settings", lambda: many)
    monkeypatch.setattr(pipeline, "loaded", lambda _mappings: ("libggml-cpu-zen4.so",))
    bench()
    [arm] = prove(make_run(arms=(arm_of(),), workloads=(TG,)))
    [execution] = arm.executions
    assert execution.reason.startswith("only ")
    assert execution.loaded == ("libggml-cpu-zen4.so",)


def test_arms_that_are_not_ready_stay_as_they_are():
    arms = (arm_of(status="wrong output"), arm_of(status="unsupported", build=None))
    assert prove(make_run(arms=arms)) == arms


def test_what_is_remembered_depends_on_all_that_decides_what_runs():
    run, arm = make_run(), arm_of()
    other = msgspec.structs.replace
    slower = other(arm.variant, runtime=Runtime(bench=("--repack", "0")))
    other_model = other(run, model=other(run.model, sha256="c" * 64))
    seen = Inspection(
        file="libggml-cpu.so",
        architecture="x86_64",
        instructions=0,
        vector=0,
        highest="none",
        groups={},
        functions=(),
        stripped=False,
    )
    keys = {
        memory_key(run, arm, TG),
        memory_key(run, arm, PP),
        memory_key(run, other(arm, build=build_of("other")), TG),
        memory_key(run, other(arm, variant=slower), TG),
        memory_key(run, other(arm, inspections=(seen,)), TG),
        memory_key(other_model, arm, TG),
        memory_key(other(run, threads=3), arm, TG),
        memory_key(other(run, machine=other(run.machine, fingerprint="elsewhere")), arm, TG),
    }
    assert len(keys) == 8
    assert memory_key(run, other(arm, reason="said otherwise"), TG) in keys


def test_only_what_was_sampled_is_remembered():
    remember("a", Execution(workload="tg16", method="", samples=0, reason="perf is missing"))
    assert remembered("a") is None
    good = Execution(workload="tg16", method="perf cpu-clock", samples=9, libraries={"x": 1.0})
    remember("b", good)
    assert remembered("b") == good


# The join, on a real file: the sampler's own library, whose dlclose is known by name.


@pytest.fixture
def library():
    return sampler_library()


@pytest.fixture
def place(library):
    """Return the offset in the file and the address of a function of it."""
    image = read_image(str(library))
    found = image._symbols[0]
    start = int(found["value"])
    offset = next(o for o in range(1 << 16) if image.address(o) == start)
    return offset, start


def inspection_of(library, address, size=4, name="kernel [clone ._omp_fn.0]", groups=None):
    function = FunctionIsa(
        name=name,
        address=address,
        size=size,
        instructions=1,
        vector=1,
        groups=groups or {"avx2": 3, "avx": 1, "avx512vnni": 0},
    )
    return Inspection(
        file=library.name,
        architecture="x86_64",
        instructions=1,
        vector=1,
        highest="avx2",
        groups={},
        functions=(function,),
        stripped=False,
    )


def test_samples_are_joined_with_the_inspection_by_address(library, place):
    offset, address = place
    inspections = [inspection_of(library, address)]
    places = {(str(library), offset): 50, (str(library), offset + 3): 30, ("", 0): 20}
    assert functions(places, inspections, library.parent) == (
        FunctionShare(
            name="kernel [clone ._omp_fn.0]",
            library=library.name,
            share=0.8,
            groups=("avx", "avx2"),
        ),
        FunctionShare(name="[unknown]", library="[unknown]", share=0.2),
    )


def test_a_section_without_symbols_is_no_function_and_its_simd_not_that_of_what_ran(library, place):
    offset, address = place
    inspections = [inspection_of(library, address, size=1 << 20, name=".text")]
    [found] = functions({(str(library), offset): 1}, inspections, library.parent)
    assert found == FunctionShare(name="[unknown]", library=library.name, share=1.0)


def test_what_lies_behind_a_function_is_not_taken_for_it(library, place):
    offset, address = place
    inspections = [inspection_of(library, address, size=2)]
    [found] = functions({(str(library), offset + 2): 1}, inspections, library.parent)
    assert found == FunctionShare(name="[unknown]", library=library.name, share=1.0)


def test_a_file_that_was_not_inspected_has_the_names_of_its_own_symbols(library, place):
    offset, _ = place
    [found] = functions({(str(library), offset): 1}, [], library.parent)
    assert found.name != "[unknown]"
    assert not found.name.startswith("_Z")
    assert found.groups == ()


def test_a_library_of_the_same_name_from_elsewhere_is_not_the_inspected_one(
    library, place, tmp_path
):
    offset, address = place
    (tmp_path / library.name).write_bytes(b"the build's own")
    inspections = [inspection_of(library, address)]
    [found] = functions({(str(library), offset): 1}, inspections, tmp_path)
    assert found.groups == ()


def test_functions_below_half_a_percent_are_left_out_and_their_libraries_stay():
    places = {("/lib/a.so", 0): 996, ("/lib/b.so", 0): 4}
    assert [f.library for f in functions(places, [], Path("/"))] == ["a.so"]
    assert libraries(places) == {"a.so": 0.996, "b.so": 0.004}


def test_of_several_backends_the_last_is_the_one_in_use():
    """Each is opened to ask how well it fits, then the best again."""
    names = ("libggml-cpu-x64.so", "libggml-cpu-zen4.so", "libggml-cpu-haswell.so")
    paths = [*names, "libggml-base.so", "libggml-cpu-zen4.so"]
    mappings = [Mapping(n, 1, 0, 1, 0, f"/opt/{name}") for n, name in enumerate(paths)]
    assert loaded(mappings) == (
        "libggml-cpu-x64.so",
        "libggml-cpu-haswell.so",
        "libggml-cpu-zen4.so",
    )
