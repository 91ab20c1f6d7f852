"""perf stat of machines with counters, and without: what was counted, and what follows from it."""

import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.profiling import counters as counting
from llamabuild.profiling.counters import (
    CannotCount,
    count,
    counts_of,
    difference,
    events_of,
    facts,
    uncore_events,
    usable_events,
)
from llamabuild.profiling.rates import counted_rates, first_counted, simulated_rates
from llamabuild.profiling.stat_output import BadStat, plain_event, read_stat
from llamabuild.types.profile import COUNTED, LOST, NOT_COUNTED, NOT_SUPPORTED, Count, Counters
from tests.runs import CPU

DATA = Path(__file__).parents[1] / "data/profiling"
RECORDED = sorted(path.name for path in DATA.glob("*.[cj]s*") if "walk" not in path.name)


def rows(name):
    return {row.event: row for row in read_stat((DATA / name).read_text())}


def counts(name, cpu=CPU):
    return {each.role: each for each in counts_of(events_of(cpu), (DATA / name).read_text())}


def rates(found, seconds=1.0, line=64):
    counters = Counters(repetitions=1, seconds=seconds, counts=tuple(found.values()))
    return {rate.name: rate for rate in counted_rates(counters, line)}


def test_there_are_recordings_of_x86_and_arm_in_both_layouts():
    assert {"intel_spr.csv", "intel_spr.json", "amd_ryzen.csv", "arm_juno.csv"} <= set(RECORDED)
    assert {"arm_server.json", "no_counters.csv", "no_counters.json"} <= set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_every_row_that_names_an_event_is_read(name):
    text = (DATA / name).read_text()
    if name.endswith("json"):
        named = [line for line in text.splitlines() if '"event"' in line]
    else:
        lines = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
        named = [fields for fields in lines if len(fields) > 2 and fields[0] and fields[2]]
    found = read_stat(text)
    assert len(found) == len(named) > 0
    for row in found:
        assert 0.0 <= row.running <= 1.0
        assert (row.value is None) == (row.status in {NOT_SUPPORTED, NOT_COUNTED})


@pytest.mark.parametrize(
    ("name", "event", "value", "running"),
    [
        ("intel_spr.csv", "cycles", 52288305, 1.0),
        ("intel_spr.csv", "cpu-clock", 225851.20, 1.0),
        ("intel_spr.json", "branch-misses", 54747, 1.0),
        ("intel_hybrid.csv", "cpu_atom/cycles/", 256500230, 0.54),
        ("amd_ryzen.csv", "cycles", 6482066, 0.74),
        ("amd_user.csv", "cycles:u", 121617078441, 0.85),
        ("arm_juno.csv", "armv8_pmuv3_0/inst_retired/", 1690222, 0.4502),
        ("arm_server.json", "L1-dcache-loads", 2650499119174, 1.0),
        ("perf_test.json", "stalled-cycles-backend:u", 11639, 1.0),
    ],
)
def test_counts_and_the_time_that_they_were_counted(name, event, value, running):
    row = rows(name)[event]
    assert row.status == COUNTED
    assert row.value == value
    assert row.running == pytest.approx(running)


@pytest.mark.parametrize(
    ("name", "event", "status"),
    [
        ("amd_ryzen.csv", "LLC-load-misses", NOT_SUPPORTED),
        ("no_counters.csv", "cycles:u", NOT_SUPPORTED),
        ("no_counters.json", "LLC-loads", NOT_SUPPORTED),
        ("arm_juno.csv", "armv8_pmuv3_0/br_pred/", NOT_COUNTED),
        ("intel_hybrid.json", "cpu_atom/branch-misses/", NOT_COUNTED),
        ("perf_test.json", "branch-misses:u", NOT_COUNTED),
    ],
)
def test_what_was_not_counted_is_no_zero(name, event, status):
    assert rows(name)[event] == (event, None, "", 0.0, status)


@pytest.mark.parametrize(
    ("event", "plain"),
    [
        ("cycles", "cycles"),
        ("cycles:u", "cycles"),
        ("cpu_core/cycles/", "cycles"),
        ("cpu_atom/branch-misses/u", "branch-misses"),
        ("armv8_pmuv3_0/l1d_cache_refill/", "l1d_cache_refill"),
        ("cpu/event=0x3c,umask=0x0/", "cpu/event=0x3c,umask=0x0/"),
    ],
)
def test_an_event_without_its_unit_and_modifiers(event, plain):
    assert plain_event(event) == plain


@pytest.mark.parametrize(
    "text",
    ["garbage", '{"event": ', "x1,,cycles,1,100.00,,", '{"event":"a","counter-value":"n"}'],
)
def test_what_perf_stat_does_not_write_is_refused(text):
    with pytest.raises(BadStat, match="perf stat printed"):
        read_stat(text)


def test_cores_of_two_kinds_are_added_up():
    found = counts("intel_hybrid.csv")
    assert found["cycles"].value == 6766433 + 256500230
    assert found["cycles"].running == pytest.approx(0.54)
    assert rates(found)["ipc"].value == pytest.approx((4688595 + 37487490) / (6766433 + 256500230))


def test_a_kind_of_core_that_never_ran_does_not_hide_the_other():
    found = counts("intel_hybrid.json")["branch_misses"]
    assert (found.value, found.status) == (6326, COUNTED)


@pytest.mark.parametrize(
    ("name", "rate", "value"),
    [
        ("intel_spr.csv", "ipc", 0.73),  # as perf itself prints them beside the counts
        ("intel_spr.json", "ipc", 0.797391),
        ("intel_spr.json", "branch_miss_rate", 0.00742889),
        ("amd_ryzen.csv", "ipc", 0.81),
        ("amd_user.csv", "ipc", 2.62),
        ("amd_user.csv", "l1_miss_rate", 0.0039),
        ("amd_user.csv", "branch_miss_rate", 0.0305),
        ("arm_cortex_a76.csv", "ipc", 0.22),
        ("arm_server.json", "l1_miss_rate", 0.0212),
        ("arm_server.json", "branch_miss_rate", 0.0105),
    ],
)
def test_rates_are_those_that_perf_shows(name, rate, value):
    assert rates(counts(name))[rate].value == pytest.approx(value, rel=0.02)


def test_cycles_in_which_the_back_end_stalled_on_arm():
    arm = msgspec.structs.replace(CPU, architecture="aarch64", vendor="ARM")
    found = rates(counts("arm_cortex_a76.csv", arm))["backend_stall_share"]
    assert found.value == pytest.approx(37845044034 / 45157063927)
    assert found.basis == "stalled-cycles-backend / cycles"


def test_without_counters_there_are_no_rates_and_a_status_for_each():
    for name in ("no_counters.csv", "no_counters.json"):
        found = counts(name)
        assert rates(found) == {}
        assert found["task_clock"].status == COUNTED
        for role in ("cycles", "instructions", "branches", "l1_misses"):
            assert found[role].status == NOT_SUPPORTED
        assert found["llc_misses"].status == NOT_COUNTED  # AMD's were not asked for there


def test_each_vendor_is_asked_for_its_own_last_level():
    def asked(**changes):
        cpu = msgspec.structs.replace(CPU, **changes)
        return {event.event for event in events_of(cpu) if event.role == "llc_misses"}

    assert asked(vendor="GenuineIntel") == {"LLC-load-misses"}
    assert asked(vendor="ARM", architecture="aarch64") == {"LLC-load-misses"}
    assert all(name.startswith("ls_dmnd_fills") for name in asked(vendor="AuthenticAMD"))


def test_hardware_events_are_asked_for_in_user_space():
    asked = {event.event: event.asked for event in facts().events}
    assert asked["cycles"] == "cycles:u"
    assert asked["task-clock"] == "task-clock"
    assert all(event.asked == event.event for event in facts().uncore)


def test_memory_controllers_are_asked_where_the_machine_has_them(tmp_path):
    assert uncore_events(tmp_path) == ()
    (tmp_path / "uncore_imc_0").mkdir()
    assert [event.role for event in uncore_events(tmp_path)] == ["memory_read", "memory_write"]


def few_and_many():
    intel = msgspec.structs.replace(CPU, vendor="GenuineIntel")
    few, many = (counts(f"composed_intel_{which}.json", intel) for which in ("few", "many"))
    return {c.role: c for c in difference(few.values(), many.values())}


def test_the_difference_of_two_runs_is_the_repetitions_alone():
    found = few_and_many()
    assert found["cycles"].value == 12_000_000_000
    assert found["cycles"].running == 0.75
    assert found["page_faults"].status == LOST
    assert found["page_faults"].value is None
    by_name = rates(found, seconds=2.0)
    assert by_name["ipc"].value == 0.5
    assert by_name["llc_mpki"].value == 100
    assert by_name["llc_bandwidth"].value == 600_000_000 * 64 / 2
    assert by_name["llc_bandwidth"].basis == "LLC-load-misses × 64 bytes"
    assert "llc_miss_rate" not in by_name  # LLC-loads was not counted


def test_an_event_that_only_one_of_the_runs_counted_says_nothing():
    one = Count(role="cycles", event="cycles", value=5, unit="", running=1, status=COUNTED)
    none = msgspec.structs.replace(one, value=None, status=NOT_SUPPORTED)
    assert difference([none], [one])[0].status == NOT_COUNTED
    assert difference([one], [none])[0].status == NOT_SUPPORTED
    assert difference([], [one])[0].value is None


def test_the_first_event_of_a_role_that_was_counted_speaks_for_it():
    absent = Count(role="a", event="x", value=None, unit="", running=0, status=NOT_SUPPORTED)
    present = Count(role="a", event="y", value=1.0, unit="", running=1, status=COUNTED)
    assert first_counted([absent, present]) == {"a": present}


def test_traffic_of_memory_controllers_in_their_unit():
    traffic = {
        role: Count(role=role, event=role, value=10.0, unit="MiB", running=1, status=COUNTED)
        for role in ("memory_read", "memory_write")
    }
    found = rates(traffic, seconds=2.0)["memory_bandwidth"]
    assert found.value == 20 * 2**20 / 2
    assert found.basis == "memory_read + memory_write"


def test_simulated_rates_are_called_so_and_have_no_time():
    found = {r.name: r for r in simulated_rates({"instructions": 1000, "llc_misses": 5})}
    assert {rate.origin for rate in found.values()} == {"simulated"}
    assert found["llc_mpki"].value == 5
    assert "llc_bandwidth" not in found


# Programs: a perf that counts as many as the program's own words say.
PERF = """#!{python}
import subprocess, sys
words = sys.argv[1:]
if words == ["--version"]:
    sys.exit(0)
if words[0] != "stat" or ({refuse!r} and {refuse!r} in words):
    sys.exit("event syntax error: {refuse}")
if "-j" in words and not {json}:
    sys.exit("Error: unknown switch `j'")
output = words[words.index("-o") + 1]
split = words.index("--")
done = subprocess.run(words[split + 1 :])
events = [words[i + 1] for i, word in enumerate(words[:split]) if word == "-e"]
with open(output, "w") as file:
    for event in events:
        value = {value!r}
        if "-j" in words:
            file.write('{{"counter-value" : "%s", "unit" : "", "event" : "%s"}}\\n' % (value, event))
        else:
            file.write(f"{{value}},,{{event}},1,100.00,,\\n")
sys.exit(done.returncode)
"""


@pytest.fixture
def perf(monkeypatch, tmp_path):
    def fake(*, json=True, value="7", refuse=""):
        path = tmp_path / "perf"
        path.write_text(PERF.format(python=sys.executable, json=json, value=value, refuse=refuse))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(counting, "find_tool", lambda _name: SimpleNamespace(path=str(path)))

    for cached in (counting._perf, counting._tried):
        cached.cache_clear()
    yield fake
    for cached in (counting._perf, counting._tried):
        cached.cache_clear()


EVENTS = tuple(event for event in facts().events if event.role in {"cycles", "instructions"})


@pytest.mark.parametrize("json", [True, False])
def test_a_program_is_counted_in_the_layout_that_perf_has(perf, json):
    perf(json=json)
    lines = []
    found = count(
        [sys.executable, "-c", "import os; print(os.environ['WORD'])"],
        EVENTS,
        environment={"WORD": "hello"},
        timeout_seconds=20,
        on_line=lines.append,
    )
    assert lines == ["hello"]
    assert [(c.role, c.value) for c in found.counts] == [("cycles", 7), ("instructions", 7)]


def test_a_program_that_fails_has_no_counts(perf):
    perf()
    code = "import sys; sys.exit(3)"
    found = count([sys.executable, "-c", code], EVENTS, environment={}, timeout_seconds=20)
    assert (found.finished.returncode, found.counts) == (3, ())


def test_an_event_that_perf_does_not_know_is_left_out(perf):
    perf(refuse="cycles:u")
    assert [event.role for event in usable_events(EVENTS)] == ["instructions"]


def test_no_perf_says_what_to_install(monkeypatch, perf):
    perf()

    def lacks(_name):
        raise EnvironmentLacks("'perf' was not found", "apt-get install linux-perf")

    monkeypatch.setattr(counting, "find_tool", lacks)
    with pytest.raises(CannotCount, match="apt-get install linux-perf"):
        usable_events(EVENTS)


def test_a_perf_that_may_not_count_says_why(perf):
    perf(refuse="task-clock")
    with pytest.raises(CannotCount, match="event syntax error"):
        usable_events(EVENTS)


def test_what_perf_writes_is_read_sceptically(perf):
    perf(json=False, value="many")
    with pytest.raises(CannotCount, match="'many' as the count of cycles:u"):
        count([sys.executable, "-c", ""], EVENTS, environment={}, timeout_seconds=20)
