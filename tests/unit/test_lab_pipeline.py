"""A lab from beginning to end: its parts in turn, what goes wrong in one, stops and the budget."""

import msgspec
import pytest

from llamabuild.errors import (
    BadInput,
    EnvironmentLacks,
    Inconclusive,
    Interrupted,
    MeasurementRunning,
)
from llamabuild.lab import Pace, least_blocks, least_seconds, parts
from llamabuild.pipeline import lab as pipeline
from llamabuild.pipeline import lab_parts
from llamabuild.pipeline.kernels_observer import KernelObserver
from llamabuild.pipeline.lab import LabWishes, resume_lab, run_lab
from llamabuild.pipeline.lab_parts import Bench
from llamabuild.pipeline.observer import Observer
from llamabuild.store.results import Results
from llamabuild.types.lab import DONE, FAILED, LEFT_OUT, PENDING, LabPart
from llamabuild.types.run import Arm, DiscardedBlock
from tests.lab_fixture import lab_record
from tests.runs import MACHINE, make_model, make_run

RANDOM = msgspec.structs.replace(
    make_model(), name="random", synthetic=True, size_bytes=700_000_000, parameters=1_100_000_000
)


REAL = make_model()


class Parts:
    """Stands for what does the parts: each takes its time on a clock of its own."""

    def __init__(self, patch, seconds=1.0):
        self.done, self.allowed, self.wrong, self.now = [], {}, {}, 1000.0
        self.seconds = seconds
        patch.setattr(pipeline, "did", self)
        patch.setattr(pipeline.time, "monotonic", lambda: self.now)
        patch.setattr(Bench, "pace", lambda *_: Pace(0.2, 1.0))

    def __call__(self, _bench, name, seconds):
        self.allowed[name] = seconds
        self.now += self.seconds
        if name in self.wrong:
            raise self.wrong[name]
        self.done.append(name)
        return f"run-{name}", ""


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(pipeline, "detect_machine", lambda: MACHINE)
    monkeypatch.setattr(pipeline, "_models", lambda *_, **__: (RANDOM, make_model()))
    return Parts(monkeypatch)


def done(lab, status=DONE):
    return [part.name for part in lab.parts if part.status == status]


def begin(**wishes):
    return run_lab(LabWishes(**wishes), Observer(), KernelObserver())


def test_all_parts_are_done_in_order_and_stored(fake):
    lab = begin(seed=1)
    assert fake.done == list(parts()) == done(lab)
    assert lab.status == "done"
    assert lab.part("threads").run == "run-threads"
    assert (lab.part("threads").model, lab.part("context").model) == ("random", "SmolLM2-135M")
    with Results.open() as results:
        assert results.lab(lab.id) == lab
        assert results.labs() == (lab,)


def test_what_one_part_does_not_need_is_there_for_the_next(fake):
    lab = begin(seed=1, budget_seconds=3600.0)
    here = Bench(lab).parts
    least = {name: least_seconds(part, Pace(0.2, 1.0)) for name, part in here.items()}
    spare = 3600 - sum(least.values())
    shares = sum(part.share for part in parts().values())
    assert fake.allowed["limits"] == pytest.approx(
        least["limits"] + spare * parts()["limits"].share / shares
    )
    # The challenge gets more than its share of what was spare: little was spent before it.
    assert fake.allowed["challenge"] > spare * parts()["challenge"].share / shares
    assert len(fake.allowed) == len(parts())


def test_parts_come_back_when_the_machine_is_faster_than_the_guess(fake, monkeypatch):
    slow, fast = Pace(3.0, 10.0), Pace(0.2, 1.0)
    monkeypatch.setattr(Bench, "pace", lambda *_: fast if "baseline" in fake.done else slow)
    lab = begin(budget_seconds=3600.0)
    assert done(lab) == list(parts())
    fake.done.clear()
    monkeypatch.setattr(Bench, "pace", lambda *_: slow)
    assert "doesn't reach for it" in begin(budget_seconds=3600.0).part("waiting").reason


def test_the_budget_holds_when_parts_take_all_that_they_may(fake, monkeypatch):
    def greedy(bench, name, seconds):
        fake.seconds = seconds
        return fake(bench, name, seconds)

    monkeypatch.setattr(pipeline, "did", greedy)
    lab = begin(seed=1, budget_seconds=2700.0)
    assert lab.spent_seconds == pytest.approx(2700.0)


def test_a_part_that_fails_is_a_row_with_its_reason(fake):
    fake.wrong["batching"] = BadInput("no such tool", "use a newer tree")
    lab = begin()
    assert done(lab, FAILED) == ["batching"]
    assert lab.part("batching").reason == "no such tool: use a newer tree"
    assert fake.done[-1] == "challenge"  # the others went on
    assert lab.status == "done"


def test_without_a_baseline_nothing_follows(fake):
    fake.wrong["baseline"] = EnvironmentLacks("no compiler")
    with pytest.raises(EnvironmentLacks, match=r"the baseline could not be measured: no compiler"):
        begin()
    assert fake.done == ["limits"]
    with Results.open() as results:
        assert results.lab("latest").status == "failed"


@pytest.mark.parametrize("error", [Interrupted("stopped"), MeasurementRunning("another")])
def test_a_stop_is_no_failed_part_and_it_goes_on_from_there(fake, error):
    fake.wrong["context"] = error
    with pytest.raises(type(error)):
        begin(seed=1)
    with Results.open() as results:
        stopped = results.lab("latest")
    assert stopped.status == "interrupted"
    assert stopped.part("context").status == PENDING
    before = list(fake.done)
    fake.wrong.clear()
    lab = resume_lab(stopped.id, Observer(), KernelObserver())
    assert lab.id == stopped.id
    assert fake.done == list(parts())  # nothing twice
    assert fake.done[: len(before)] == before
    assert lab.spent_seconds > stopped.spent_seconds


def test_ctrl_c_says_how_to_go_on(fake):
    fake.wrong["threads"] = Interrupted("stopped between steps", "other words")
    with pytest.raises(Interrupted, match=r"lab --resume l2.* goes on"):
        begin()


def test_a_complete_lab_is_not_resumed(fake):
    lab = begin()
    with pytest.raises(BadInput, match=f"lab {lab.id} is complete"):
        resume_lab("latest", Observer(), KernelObserver())


def test_what_failed_is_tried_again(fake):
    fake.wrong["batching"] = BadInput("no such tool")
    assert done(begin(), FAILED) == ["batching"]
    fake.wrong.clear()
    lab = resume_lab("latest", Observer(), KernelObserver())
    assert done(lab) == list(parts())
    assert fake.done[-1] == "batching"


def test_a_lab_of_another_machine_is_not_resumed(fake):
    other = msgspec.structs.replace(MACHINE, fingerprint="beef")
    with Results.open() as results:
        results.save_lab(lab_record(machine=other, parts=(LabPart(name="threads"),)))
    with pytest.raises(BadInput, match="another machine"):
        resume_lab("latest", Observer(), KernelObserver())


def test_parts_that_are_not_wanted_or_not_reached_say_so(fake):
    lab = begin(without=("gpu", "waiting"), budget_seconds=720.0)
    assert lab.part("gpu").reason == "not asked for"
    assert "a budget of 12 min doesn't reach for it" in {p.reason for p in lab.parts}
    assert set(done(lab, LEFT_OUT)).isdisjoint(fake.done)


def test_random_weights_leave_quality_out_and_say_so(fake, monkeypatch):
    monkeypatch.setattr(pipeline, "_models", lambda *_, **__: (RANDOM,))
    lab = begin()
    assert "weights of every model here are random" in lab.part("quantization").reason
    assert "--model" in lab.part("quantization").reason


@pytest.mark.parametrize(
    ("wishes", "match"),
    [
        ({"without": ("thread",)}, "did you mean 'threads'"),
        ({"without": ("challenge",)}, "a lab without 'challenge' is none"),
        ({"target": 1.0}, "no gain"),
        ({"base": "prebuilt:/bin/true"}, "built already"),
        ({"budget_seconds": 60.0}, "too small to say anything"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_done(fake, wishes, match):
    with pytest.raises(BadInput, match=match):
        begin(**wishes)
    assert fake.done == []


def test_a_run_that_was_cut_short_is_found_and_resumed(monkeypatch):
    """By the lab's id and the part's name; a complete one is taken as it is."""
    lab = lab_record()
    asked = []

    def measured(request, _observer):
        asked.append(request)
        return make_run("20261127-120001-beef")

    monkeypatch.setattr(lab_parts, "run_variants", measured)
    monkeypatch.setattr(lab_parts, "_says_nothing", lambda *_: False)
    cut = msgspec.structs.replace(make_run(), part_of=f"{lab.id}/threads", status="interrupted")
    with Results.open() as results:
        results.save_run(cut)
    lab_parts.did(Bench(lab), "threads", 60.0)
    assert asked[-1].resume == cut.id
    with Results.open() as results:
        results.save_run(msgspec.structs.replace(cut, status="done"))
    assert lab_parts.did(Bench(lab), "threads", 60.0) == (cut.id, "")
    assert len(asked) == 1
    lab_parts.did(Bench(lab), "waiting", 60.0)
    assert asked[-1].resume is None
    assert asked[-1].part_of == f"{lab.id}/waiting"
    assert [point.label if hasattr(point, "label") else point.values for point in
            asked[-1].sweep.points] == [("",), ("0",), ("100",)]  # fmt: skip


def test_a_goal_of_generation_measures_no_prompts():
    challenge = {goal: Bench(lab_record(goal=goal)).parts["challenge"] for goal in ("tg", "both")}
    assert challenge["tg"].workloads == ("tg",)
    assert least_seconds(challenge["tg"], Pace(1.0)) < least_seconds(challenge["both"], Pace(1.0))


def test_a_part_gets_no_time_that_says_nothing():
    bench = Bench(lab_record())
    reason = lab_parts.too_little(bench, parts()["builds"], 5.0)
    assert reason.startswith("5.0 s are left for it, it takes ")
    assert lab_parts.too_little(bench, parts()["builds"], 600.0) == ""


def test_a_run_in_which_no_block_counts_is_a_failed_part(monkeypatch):
    arms = tuple(Arm(name=name, status="ready", reason="") for name in ("native", "avx2"))
    ready = make_run("20261127-120001-beef", arms=arms)
    with Results.open() as results:
        results.save_run(ready)
    monkeypatch.setattr(lab_parts, "run_variants", lambda *_: ready)
    with pytest.raises(Inconclusive, match=r"counts \(its time was over\)"):
        lab_parts.did(Bench(lab_record()), "baseline", 60.0)
    disturbed = msgspec.structs.replace(ready, discarded=(DiscardedBlock(block=1, reason="load"),))
    monkeypatch.setattr(lab_parts, "run_variants", lambda *_: disturbed)
    with pytest.raises(Inconclusive, match=r"counts \(the last one: load\)"):
        lab_parts.did(Bench(lab_record()), "threads", 60.0)


def test_a_complete_run_in_which_no_block_counts_is_made_again(monkeypatch):
    """Else what failed once for its time would fail for ever."""
    lab = lab_record()
    arms = tuple(Arm(name=name, status="ready", reason="") for name in ("native", "avx2"))
    empty = msgspec.structs.replace(make_run(arms=arms), part_of=f"{lab.id}/threads", status="done")
    with Results.open() as results:
        results.save_run(empty)
    asked = []
    again = make_run("20261127-120001-beef")

    def measured(request, _observer):
        asked.append(request)
        return again

    monkeypatch.setattr(lab_parts, "run_variants", measured)
    assert lab_parts.did(Bench(lab), "threads", 60.0) == (again.id, "")
    assert asked[0].resume is None
    assert asked[0].sweep


def test_a_sweep_needs_the_blocks_of_as_many_points_as_there_are_here():
    machine = msgspec.structs.replace(MACHINE, usable_threads=64)
    small, large = Bench(lab_record()), Bench(lab_record(machine=machine))
    assert small.parts["threads"].arms == 3
    assert large.parts["threads"].arms == 8  # 1, 2, 4 ... 128
    assert least_blocks(large.parts["threads"]) > least_blocks(small.parts["threads"])


def test_what_failed_gets_the_time_it_takes_even_after_the_budget_is_spent(fake):
    fake.wrong["batching"] = BadInput("no such tool")
    begun = begin(budget_seconds=3600.0)
    with Results.open() as results:
        results.save_lab(msgspec.structs.replace(begun, spent_seconds=3600.0))
    fake.wrong["batching"] = Interrupted("stopped")
    with pytest.raises(Interrupted):
        resume_lab("latest", Observer(), KernelObserver())
    fake.wrong.clear()
    lab = resume_lab("latest", Observer(), KernelObserver())
    assert lab.part("batching").status == "done"


def test_one_real_model_is_swept_once(fake, monkeypatch):
    monkeypatch.setattr(pipeline, "_models", lambda *_, **__: (REAL,))
    lab = begin()
    assert lab.part("formats").status == LEFT_OUT
    assert "both run on the same model" in lab.part("formats").reason
    assert lab.part("quantization").status == "done"
    assert begin(without=("quantization",)).part("formats").status == "done"


def test_builds_are_chosen_by_the_time_they_take(monkeypatch):
    class Estimate:
        def __init__(self, name, seconds):
            self.plan, self.seconds = type("P", (), {"variant": name}), seconds

    costs = {"avx2": 0.0, "native-o3": 500.0, "clang": 30.0, "hugealloc": 0.0}
    monkeypatch.setattr(
        lab_parts,
        "plan_variants",
        lambda request, _: ([Estimate(n, costs.get(n, 900.0)) for n in request.names], ()),
    )
    chosen = lab_parts._affordable(Bench(lab_record()), "builds", 240.0)
    assert chosen.fit == ("avx2", "clang", "hugealloc")
    assert "not enough time for native-o3" in chosen.reasons[0]
