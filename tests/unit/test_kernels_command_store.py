"""Runs of ``kernels`` in the results database, and databases from before there were any."""

import sqlite3

import msgspec
import pytest

from llamabuild.errors import BadInput
from llamabuild.store.results import Results
from tests.kernel_runs import make_kernel_run, make_probe
from tests.runs import make_run


@pytest.fixture
def results(tmp_path):
    with Results.open(tmp_path / "results.sqlite") as opened:
        yield opened


def test_a_kernel_run_comes_back_as_it_was_stored(results):
    run = make_kernel_run()
    results.save_kernel_run(run)
    assert results.kernel_run(run.id) == run
    assert results.kernel_run("latest") == run
    assert results.kernel_run(run.id[:-2]) == run
    assert results.kernel_runs() == (run,)
    assert results.runs() == ()


def test_saving_again_replaces_it(results):
    run = make_kernel_run(status="running", finished="", kernels=())
    results.save_kernel_run(run)
    done = make_kernel_run()
    results.save_kernel_run(done)
    assert results.kernel_runs() == (done,)


def probes_of(threads=(1, 2), **factors):
    """Three probes at these numbers of threads, those of some names times a factor."""
    return tuple(
        make_probe(
            name=name, residence=residence, threads=number, value=100.0 * factors.get(name, 1)
        )
        for name, residence in {"int8": "", "read": "memory", "latency": "memory"}.items()
        for number in threads
    )


def test_the_limits_of_a_machine_are_those_of_the_newest_undisturbed_run(results):
    run = make_kernel_run()
    stored = {
        "other threads": probes_of(threads=(4,), int8=2),
        "read more": probes_of(read=1.5),
        "undisturbed": probes_of(int8=0.95),
        "disturbed": probes_of(int8=0.5),
    }
    for day, (name, probes) in enumerate(stored.items(), start=1):
        more = {"id": name, "probes": probes, "started": f"2026-01-{day:02d}"}
        results.save_kernel_run(msgspec.structs.replace(run, **more))
    assert results.limits_of(run.machine.fingerprint).id == "undisturbed"


def test_the_limits_of_a_machine_are_of_a_complete_run_on_it_with_probes(results):
    machine = make_kernel_run().machine
    runs = {
        "1": make_kernel_run(started="2026-01-01"),
        "2": make_kernel_run(started="2026-01-02", probes=()),
        "3": make_kernel_run(started="2026-01-03", status="interrupted"),
        "4": make_kernel_run(
            started="2026-01-04", machine=msgspec.structs.replace(machine, fingerprint="other")
        ),
    }
    for name, run in runs.items():
        results.save_kernel_run(msgspec.structs.replace(run, id=name))
    assert results.limits_of(machine.fingerprint).id == "1"
    assert results.limits_of("other").id == "4"
    assert results.limits_of("unheard of") is None


def test_a_killed_run_is_settled(results):
    run = make_kernel_run(status="running")
    results.save_kernel_run(run)
    results.settle_running("")
    assert results.kernel_run(run.id).status == "interrupted"


def test_unknown_kernel_runs_are_named(results):
    with pytest.raises(BadInput, match=r"no kernel run yet.*llamabuild kernels"):
        results.kernel_run("latest")
    with pytest.raises(BadInput, match="kernel run '1999' is not in the store"):
        results.kernel_run("1999")


def test_a_database_from_before_keeps_its_runs_and_takes_kernel_runs(tmp_path):
    path = tmp_path / "results.sqlite"
    variants = make_run()
    with Results.open(path) as old:
        old.save_run(variants)
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE kernel_runs")
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with Results.open(path) as now:
        assert now.runs() == (variants,)
        now.save_kernel_run(make_kernel_run())
    with Results.open(path) as again:
        assert again.kernel_run("latest") == make_kernel_run()
