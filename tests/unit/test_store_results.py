"""The results database keeps every finished trial, once, and says in words what goes wrong."""

import sqlite3

import msgspec
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.store.results import Results
from llamabuild.types.run import Arm, DiscardedBlock, Trial
from tests.runs import make_run, make_trial


@pytest.fixture
def results(tmp_path):
    with Results.open(tmp_path / "results.sqlite") as opened:
        yield opened


def test_a_run_comes_back_as_it_was_stored(results):
    run = make_run(arms=(Arm(name="avx2", status="ready", reason=""),))
    results.save_run(run)
    assert results.run(run.id) == run
    assert results.run("latest") == run
    assert results.run(run.id[:-1]) == run
    assert results.runs() == (run,)


def test_saving_again_replaces_arms_and_keeps_trials(results):
    run = make_run(arms=(Arm(name="avx2", status="pending", reason=""),))
    results.save_run(run)
    results.add_trial(run.id, make_trial(block=0, arm="avx2"))
    done = msgspec.structs.replace(
        run, status="done", arms=(Arm(name="avx2", status="ready", reason=""),)
    )
    results.save_run(done)
    assert results.run(run.id) == done
    assert len(results.trials(run.id)) == 1


def test_trials_come_back_whole_and_in_order(results):
    run = make_run()
    results.save_run(run)
    trials = [make_trial(block=b, position=p, arm=f"v{p}") for b in (1, 0) for p in (1, 0)]
    for trial in trials:
        results.add_trial(run.id, trial)
    found = results.trials(run.id)
    assert set(map(repr, found)) == set(map(repr, trials))
    assert [(t.block, t.position) for t in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(isinstance(t, Trial) for t in found)


def test_a_trial_cannot_be_stored_twice(results):
    run = make_run()
    results.save_run(run)
    results.add_trial(run.id, make_trial())
    with pytest.raises(sqlite3.IntegrityError):
        results.add_trial(run.id, make_trial())
    assert len(results.trials(run.id)) == 1


def test_discarded_blocks_belong_to_the_run(results):
    run = make_run()
    results.save_run(run)
    gone = DiscardedBlock(block=3, reason="foreign load")
    results.discard_block(run.id, gone)
    assert results.run(run.id).discarded == (gone,)


def test_unknown_ambiguous_and_missing_runs(results):
    with pytest.raises(BadInput, match="no run yet"):
        results.run("latest")
    for name in ("2026-a", "2026-b"):
        results.save_run(make_run(run_id=name))
    with pytest.raises(BadInput, match="ambiguous: 2026-a, 2026-b"):
        results.run("2026")
    with pytest.raises(BadInput, match="not in the store"):
        results.run("1999")


def test_two_processes_may_open_it_at_once(tmp_path):
    path = tmp_path / "results.sqlite"
    with Results.open(path) as first, Results.open(path) as second:
        run = make_run()
        first.save_run(run)
        assert second.run(run.id) == run


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "results.sqlite"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(BadInput, match="not a results database"):
        Results.open(path)


def test_a_newer_database_is_left_alone(tmp_path):
    path = tmp_path / "results.sqlite"
    Results.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(BadInput, match="newer llamabuild"):
        Results.open(path)


def test_a_full_disk_costs_the_trial_in_flight_and_nothing_else(tmp_path):
    path = tmp_path / "results.sqlite"
    stored = 0
    with Results.open(path) as results:
        run = make_run()
        results.save_run(run)
        [(pages,)] = results._db.execute("PRAGMA page_count").fetchall()
        results._db.execute(f"PRAGMA max_page_count = {pages + 4}")
        error = None
        while error is None:
            try:
                results.add_trial(run.id, make_trial(block=stored))
            except EnvironmentLacks as full:
                error = str(full)
            else:
                stored += 1
        assert "full: free some disk space" in error
        assert stored > 0
    with Results.open(path) as results:
        assert len(results.trials(run.id)) == stored
        results.add_trial(run.id, make_trial(block=5000))


@pytest.mark.parametrize(
    "error", ["attempt to write a readonly database", "unable to open database file"]
)
def test_a_database_that_cannot_be_written_says_where_else(tmp_path, error):
    with (
        Results.open(tmp_path / "results.sqlite") as results,
        pytest.raises(EnvironmentLacks, match="set LLAMABUILD_STATE") as caught,
        results._named_errors(),
    ):
        raise sqlite3.OperationalError(error)
    assert str(tmp_path) in str(caught.value)


def test_the_latest_is_what_was_asked_for_not_a_stage_of_it(results):
    asked = make_run("20260101-000000-aaaa")
    results.save_run(asked)
    stage = msgspec.structs.replace(
        asked, id="20260102-000000-bbbb", started="2026-01-02T00:00:00Z", part_of="l1/builds"
    )
    results.save_run(stage)
    assert results.run("latest").id == asked.id
    assert results.run(stage.id).part_of == "l1/builds"
