"""The false-positive rate of a machine: which comparisons count, on composed runs."""

import pytest
from msgspec.structs import replace

from llamabuild.errors import Inconclusive
from llamabuild.pipeline.aa import measure_false_positives
from llamabuild.pipeline.observer import Observer
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM, Schedule
from tests.runs import make_state
from tests.simulation import MockMachine, make_run

TWELVE = Schedule(seed=1, warmup_blocks=1, looks=(12,), alphas=(0.05,), threshold=0.01)
QUIET = MockMachine(noise=0.002, pauses=0.0)
BIASED = MockMachine(noise=0.002, pauses=0.0, ratios={NOISE_ARM: 1.2})


class Notes(Observer):
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


@pytest.fixture
def measured(monkeypatch):
    """Measure false positives on machines that stand in for this one, one for each run."""

    def measure(*machines, broken=()):
        left = list(machines)
        notes = Notes()

        def run_variants(request, observer):
            assert request.only_baseline
            machine = left.pop(0)
            number = len(machines) - len(left)
            run = make_run([], TWELVE, loads=2, id=f"run-{number}")
            with Results.open() as results:
                results.save_run(run)
                for trial in machine.trials(run, number):
                    lost = (number, trial.workload) in broken and trial.arm == NOISE_ARM
                    status = "crashed" if lost else "ok"
                    state = make_state()
                    results.add_trial(run.id, replace(trial, status=status, state=state))
            return run

        monkeypatch.setattr("llamabuild.pipeline.aa.run_variants", run_variants)
        return measure_false_positives(len(machines), None, notes), notes.lines

    return measure


def test_each_workload_of_each_run_is_a_comparison(measured):
    found, _ = measured(QUIET, BIASED, QUIET)
    assert (found.comparisons, found.false) == (6, 2)
    assert found.rate == pytest.approx(1 / 3)
    assert found.low < found.rate < found.high
    assert found.floors["pp64"] == pytest.approx(0.2, abs=0.02)
    assert found.runs == ("run-1", "run-2", "run-3")


def test_what_was_not_measured_is_no_comparison_without_a_false_positive(measured):
    found, notes = measured(BIASED, QUIET, broken={(1, "tg16"), (2, "pp64"), (2, "tg16")})
    assert (found.comparisons, found.false, found.rate) == (1, 1, 1.0)
    assert set(found.floors) == {"pp64"}
    assert [note for note in notes if "too few trials" in note] == [
        "tg16 of run run-1 has too few trials to count",
        "pp64 of run run-2 has too few trials to count",
        "tg16 of run run-2 has too few trials to count",
    ]


def test_without_one_comparison_nothing_is_claimed(measured):
    with pytest.raises(Inconclusive, match="no comparison in 1 run had enough trials.*run-1"):
        measured(QUIET, broken={(1, "pp64"), (1, "tg16")})
    assert Inconclusive.exit_code == 3
