"""profile from end to end on stand-ins: two runs counted, another build for valgrind, what is stored."""

import os
import signal
import stat
import sys
import time
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks, Interrupted
from llamabuild.pipeline import profile, profile_counts, profile_hot
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.profile import run_profile
from llamabuild.pipeline.profile_counts import counted, has_cycles
from llamabuild.pipeline.request import Request
from llamabuild.pipeline.watched import DidNotRun
from llamabuild.process import run
from llamabuild.profiling import counters as counting
from llamabuild.profiling.callgrind import read_callgrind
from llamabuild.sampling import CannotSample, Mapping, Recording, Sample, settings
from llamabuild.store.builds import files_folder
from llamabuild.store.results import Results
from llamabuild.types.profile import LOST, Counters, Hot
from tests.profile_fixture import FakeCatalogue, FakeMaker, arm_of, make_workload, subject_of
from tests.runs import MACHINE, PP, SOURCE, TG, make_model

BENCH = """#!{python}
import json, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if {end!r}:
    sys.exit({end!r})
tests = {{"n_prompt": int(arguments["-p"]), "n_gen": int(arguments["-n"]), "n_threads": 3}}
print(json.dumps({{**tests, "samples_ns": [100_000_000] * int(arguments["-r"])}}), flush=True)
"""
# Loading costs 1000 of everything, but page faults, which get fewer; a repetition costs 10.
PERF = """#!{python}
import subprocess, sys
words = sys.argv[1:]
if words == ["--version"]:
    sys.exit(0)
split = words.index("--")
command = words[split + 1 :]
repetitions = int(command[command.index("-r") + 1]) if "-r" in command else 0
events = [words[i + 1] for i, word in enumerate(words[:split]) if word == "-e"]
with open(words[words.index("-o") + 1], "w") as file:
    for event in events:
        value = 1000 - repetitions if event == "page-faults" else 1000 + 10 * repetitions
        if event.startswith("L1"):
            value = "<not supported>"
        file.write('{{"counter-value" : "%s", "unit" : "", "event" : "%s"}}\\n' % (value, event))
sys.exit(subprocess.run(command).returncode)
"""


def script(path, text, **words):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(python=sys.executable, **words))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bench(monkeypatch):
    short = msgspec.structs.replace(settings(), seconds=0.4, least_samples=2)
    for module in (profile_counts, profile_hot):
        monkeypatch.setattr(module, "settings", lambda: short)
    monkeypatch.setattr("llamabuild.pipeline.profile_subject.settings", lambda: short)

    def put(end=""):
        script(files_folder("id-native") / "llama-bench", BENCH, end=end)
        return subject_of(arm_of())

    return put


@pytest.fixture
def perf(monkeypatch, tmp_path):
    path = tmp_path / "perf"
    script(path, PERF)
    monkeypatch.setattr(counting, "find_tool", lambda _name: SimpleNamespace(path=str(path)))
    monkeypatch.setattr(profile_counts, "uncore_events", lambda: ())
    for cached in (counting._perf, counting._tried):
        cached.cache_clear()
    yield
    for cached in (counting._perf, counting._tried):
        cached.cache_clear()


def test_counts_are_those_of_the_repetitions_alone(bench, perf):
    found = counted(bench(), TG)
    assert found.tokens_per_second == pytest.approx(160)
    assert found.threads == 3  # as llama-bench says
    assert (found.counters.repetitions, found.counters.seconds) == (4, 0.4)
    values = {each.role: (each.value, each.status) for each in found.counters.counts}
    assert values["cycles"][0] == values["instructions"][0] == 40
    assert values["page_faults"] == (None, LOST)
    assert found.counters.reason == "not supported: L1-dcache-loads, L1-dcache-load-misses"
    assert has_cycles(found.counters)


def test_without_perf_the_workload_is_timed_all_the_same(monkeypatch, bench):
    def lacks(_name):
        raise EnvironmentLacks("'perf' was not found", "apt-get install linux-perf")

    monkeypatch.setattr(counting, "find_tool", lacks)
    counting._perf.cache_clear()
    found = counted(bench(), TG)
    assert found.tokens_per_second == pytest.approx(160)
    assert found.counters.counts == ()
    assert "apt-get install linux-perf" in found.counters.reason


def test_a_program_that_fails_is_told(bench, perf):
    with pytest.raises(DidNotRun, match="no model"):
        counted(bench("no model"), TG)


# Sampling.


def recorded(method, argv, on_line):
    """Run a program; its samples lie before its result came, however late it ends."""
    came = []

    def take(line):
        on_line(line)
        came.append(time.monotonic_ns())

    finished = run(argv, on_line=take)
    mapping = Mapping(0, 1, 0, 100, 0, "/nowhere/libx.so")
    samples = [Sample(came[-1] - 10**6 * n, 1, 5) for n in range(20, 80)]
    return Recording(method, finished, [mapping], samples)


def cycles(value):
    counts = make_workload().counters.counts
    [one] = [each for each in counts if each.role == "cycles"]
    absent = msgspec.structs.replace(one, value=None, status="not supported")
    return Counters(repetitions=1, seconds=1, counts=(one if value else absent,))


def test_cycles_are_sampled_where_they_are_counted_else_a_clock(monkeypatch, bench):
    subject, asked = bench(), []

    def refuse(*_args, **options):
        asked.append(options.get("event", "clock"))
        raise CannotSample("switched off")

    monkeypatch.setattr(profile_hot, "record_with_perf", refuse)
    monkeypatch.setattr(profile_hot, "record", refuse)
    by_cycles = profile_hot.sampled(subject, TG, cycles(5))
    by_clock = profile_hot.sampled(subject, TG, cycles(None))
    assert asked == ["cycles:u", "clock", "clock"]  # what may be counted may not be sampled
    assert [hot.event for hot in (*by_cycles.hot, *by_clock.hot)] == ["CPU time", "CPU time"]
    assert by_clock.hot[0].reason == "switched off"
    assert "switched off" in by_clock.loop.reason


def test_misses_are_sampled_where_cycles_are_and_misses_are_counted(monkeypatch, bench):
    subject, asked = bench(), []

    def record(argv, *, event, on_line, **_options):
        asked.append(event)
        return recorded(f"perf {event}", argv, on_line)

    monkeypatch.setattr(profile_hot, "record_with_perf", record)
    one = cycles(5).counts[0]
    misses = msgspec.structs.replace(one, role="llc_misses", event="LLC-load-misses")
    found = profile_hot.sampled(
        subject, TG, Counters(repetitions=1, seconds=1, counts=(one, misses))
    )
    assert [hot.event for hot in found.hot] == ["cycles", "cache misses"]
    assert set(asked) == {"cycles:u", "LLC-load-misses:u"}


def test_a_prebuilt_program_is_not_profiled():
    with pytest.raises(BadInput, match="cannot be profiled"):
        run_profile(Request(names=("prebuilt:/usr/bin/llama-bench",)), Observer())


def test_samples_outside_of_inspected_code_have_no_loop(monkeypatch, bench):
    subject = bench()

    def record(argv, *, on_line, **_options):
        return recorded("fake", argv, on_line)

    monkeypatch.setattr(profile_hot, "record", record)
    found = profile_hot.sampled(subject, TG, cycles(None))
    assert found.hot[0].method == "fake"
    assert found.hot[0].functions[0].library == "libx.so"
    assert found.loop.reason == "no sample lies in inspected code"


def test_call_paths_come_from_the_best_that_there_is(monkeypatch, bench):
    subject = bench()

    def refuse(*_args, **_options):
        raise CannotSample("perf unwinds no stacks here")

    monkeypatch.setattr(profile_hot, "record_chains", refuse)
    hot = make_workload().hot[0]
    graph = read_callgrind(["events: Ir\n", "fn=f\n", "1 5\n"])
    by_graph = profile_hot.flame(subject, TG, hot, graph)
    assert by_graph.source.startswith("callgrind's call graph, simulated")
    assert by_graph.reason == "no call chains: perf unwinds no stacks here"
    by_samples = profile_hot.flame(subject, TG, hot, None)
    assert by_samples.source.startswith("samples without callers")
    assert by_samples.stacks[0].frames[0] == "libggml-cpu.so"


# The whole story.


@pytest.fixture
def story(monkeypatch):
    arm = arm_of()
    replaced = {
        "detect_machine": lambda: MACHINE,
        "load_catalogue": lambda *_: FakeCatalogue(),
        "choose_arms": lambda *_: SimpleNamespace(arms=(arm,), baseline="native"),
        "check_request": lambda *_: None,
        "resolve_source": lambda *_, **__: SOURCE,
        "run_model": lambda *_: make_model(),
        "Maker": lambda *_: FakeMaker(lambda each: each),
        "prove": lambda each, _cpu: each,
        "choose_workloads": lambda *_: (PP, TG),
        "counted": lambda *_: profile_counts.Timed(make_workload().counters, 40.0, 2),
        "sampled": lambda *_: profile_hot.Sampled(make_workload().hot, make_workload().loop),
        "flame": lambda *_: make_workload().flame,
        "default_source": lambda _request: "",
    }
    for name, value in replaced.items():
        monkeypatch.setattr(profile, name, value)
    simulated = []

    class Simulators:
        def __init__(self, *_args, **_options):
            pass

        def simulated(self, workload):
            simulated.append(workload.name)
            return make_workload().simulation, None

    monkeypatch.setattr(profile, "Simulator", Simulators)
    return simulated


def test_each_workload_is_looked_at_and_stored(story):
    made = run_profile(Request(names=("native",), command=("profile",)), Observer())
    assert made.status == "done"
    assert [found.workload for found in made.workloads] == ["pp64", "tg16"]
    assert made.workloads[0].tokens_per_second == 40.0
    assert story == ["pp64", "tg16"]  # no last-level misses were counted
    assert made.notes[0] == "counters: not supported: LLC-load-misses"
    with Results.open() as results:
        assert results.profile_run("latest") == made


@pytest.mark.parametrize(("simulate", "done"), [(False, []), (True, ["pp64", "tg16"])])
def test_simulation_is_as_asked(story, simulate, done):
    made = run_profile(Request(names=("native",)), Observer(), simulate=simulate)
    assert story == done
    assert (made.workloads[0].simulation is None) == (not done)


def test_without_probes_and_counters_the_verdict_says_what_lacks(story):
    made = run_profile(Request(names=("native",)), Observer(), simulate=False)
    found = made.workloads[0].verdict
    assert found.agreement == "unknown"
    assert "kernels --only-probes" in found.sentence
    assert "no hardware counters" in found.sentence


def test_a_workload_that_did_not_run_is_a_row_with_its_reason(story, monkeypatch):
    def fails(_subject, workload):
        if workload is PP:
            raise DidNotRun("llama-bench exited with 1")
        return profile_counts.Timed(make_workload().counters, 40.0, 2)

    monkeypatch.setattr(profile, "counted", fails)
    made = run_profile(Request(names=("native",)), Observer())
    assert [found.reason for found in made.workloads] == ["llama-bench exited with 1", ""]
    assert made.status == "done"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "interrupted"), (OSError("disk"), "failed")]
)
def test_what_was_finished_is_stored(story, monkeypatch, error, status):
    def stops(_subject, workload):
        if workload is TG:
            raise error
        return profile_counts.Timed(make_workload().counters, 40.0, 2)

    monkeypatch.setattr(profile, "counted", stops)
    with pytest.raises(type(error)):
        run_profile(Request(names=("native",)), Observer())
    with Results.open() as results:
        made = results.profile_run("latest")
    assert (made.status, len(made.workloads)) == (status, 1)


def test_ctrl_c_ends_after_the_workload(story, monkeypatch):
    def asks(_subject, _workload):
        os.kill(os.getpid(), signal.SIGINT)
        return profile_counts.Timed(make_workload().counters, 40.0, 2)

    monkeypatch.setattr(profile, "counted", asks)
    with pytest.raises(Interrupted, match="stored up to its last workload"):
        run_profile(Request(names=("native",)), Observer())


def test_a_build_that_failed_and_a_model_that_is_too_large(story, monkeypatch):
    huge = msgspec.structs.replace(make_model(), size_bytes=10**12)
    monkeypatch.setattr(profile, "run_model", lambda *_: huge)
    with pytest.raises(EnvironmentLacks, match="take a smaller model"):
        run_profile(Request(names=("native",)), Observer())
    monkeypatch.setattr(profile, "run_model", lambda *_: make_model())
    gone = msgspec.structs.replace(arm_of(), build=None, status="build failed", reason="no cmake")
    monkeypatch.setattr(profile, "Maker", lambda *_: FakeMaker(lambda _each: gone))
    with pytest.raises(BuildFailed, match="no cmake"):
        run_profile(Request(names=("native",)), Observer())


def test_no_hot_function_is_no_crash(bench, monkeypatch):
    def refuse(*_args, **_options):
        raise CannotSample("no")

    monkeypatch.setattr(profile_hot, "record_chains", refuse)
    nothing = Hot(event="CPU time", method="", samples=0, reason="no")
    assert profile_hot.flame(bench(), TG, nothing, None).stacks == ()
