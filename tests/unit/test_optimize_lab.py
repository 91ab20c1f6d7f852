"""The lab of a real machine: names, reasons, runs that are found again, and when they end."""

from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.bench.prompts import Inputs
from llamabuild.errors import BadInput, EnvironmentLacks, Inconclusive, Interrupted
from llamabuild.interrupts import Interrupts
from llamabuild.optimize.lab import Order
from llamabuild.pipeline import optimize as pipeline
from llamabuild.pipeline import optimize_lab, story
from llamabuild.pipeline.deadline import Deadline
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.optimize import Wishes
from llamabuild.pipeline.optimize_lab import Place, RunLab, measurement_of, trial_seconds
from llamabuild.pipeline.request import Request
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM, Arm, DiscardedBlock, Equivalence, Quality
from llamabuild.variants import load_catalogue
from tests.optimize_lab import SimulatedLab, new_record, surveyed_record
from tests.runs import CPU, make_run, make_state, make_trial

BLOCKS = 7


class FakeMaker:
    """Plans by the recipe, as the real one does, without looking for compilers."""

    def plan(self, variant):
        if "lto" in variant.parts:
            message = "no linker for that"
            raise EnvironmentLacks(message)
        recipe = (variant.cmake, variant.flags, variant.optimize, variant.toolchain)
        same = repr(recipe).replace("gcc", "").replace("g++", "")
        return SimpleNamespace(build_id=same, variant=variant.name)

    def estimates(self, variants):
        times = {"native": 0.0}
        return [
            SimpleNamespace(plan=self.plan(v), seconds=times.get(v.name, 40.0)) for v in variants
        ]


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(optimize_lab, "unsupported_reason", lambda *_: "")
    catalogue = load_catalogue("pypi:llama-cpp-python==0.3.36", [])
    place = Place(
        catalogue=catalogue,
        cpu=CPU,
        maker=FakeMaker(),
        request=Request(baseline="native", model="m"),
        observer=Observer(),
        jobs=2,
    )
    record = new_record(base="native", workloads=make_run().workloads)
    return RunLab(record, place, clock=lambda: 0.0)


def test_what_others_stand_on_takes_the_first_place(lab):
    assert lab.name(()) == "native"
    assert lab.name(("clang", "repack=0")) == "native+clang+repack=0"
    assert lab.name(("avx2", "clang")) == "avx2+clang"


def test_refusals_name_the_reason(lab):
    assert lab.refusal(("clang", "repack=0")) == ""
    assert "both" in lab.refusal(("mimalloc", "jemalloc")) or lab.refusal(("mimalloc", "jemalloc"))
    assert lab.refusal(("lto",)) == "no linker for that"
    assert "do not go together" in lab.refusal(("static", "bolt"))


def test_identity_is_the_build_and_how_it_is_run(lab):
    assert lab.identity(("gcc",)) != lab.identity(("clang",))
    assert lab.identity(("poll=0",)) != lab.identity(())
    assert lab.identity(("no-repack",)) == lab.identity(("repack=0",))
    assert lab.identity(("generation-threads=2",)) == lab.identity(()), "the record's number is 2"
    assert lab.identity(("generation-threads=1",)) != lab.identity(("prompt-threads=1",))
    both = lab.identity(("generation-threads=1", "prompt-threads=1"))
    assert both == lab.identity(("threads=1",))
    assert lab.identity(("mimalloc",)) != lab.identity(("load-mode=none",))


def test_another_tree_is_not_fetched_to_estimate_it(lab, monkeypatch):
    monkeypatch.setattr(FakeMaker, "plan", lambda *_: pytest.fail("fetched"))
    assert lab.refusal(("ik-rtr",)) == ""
    assert lab.identity(("ik-rtr",)) != lab.identity(("ik",))
    assert lab.build_seconds(("ik",)) > 60


def test_builds_are_estimated_beside_the_baseline(lab):
    assert lab.build_seconds(()) == 0
    assert lab.build_seconds(("clang",)) == 40


ORDER = Order(
    stage="screen",
    configurations=(("repack=0",), ("poll=0",)),
    kinds=("tg",),
    least=3,
    most=12,
    seconds=60.0,
    hard_seconds=150.0,
    seed=9,
)


def finished(part_of, status="done", blocks=BLOCKS):
    """A stored run of the order; repack=0 is twice as fast."""
    names = ("native", "native+repack=0", "native+poll=0")
    arms = tuple(Arm(name=name, status="ready", reason="") for name in names)
    tg = make_run().workloads[1]
    run = msgspec.structs.replace(
        make_run(arms=arms, workloads=(tg,)), baseline="native", status=status, part_of=part_of
    )
    with Results.open() as results:
        results.save_run(run)
        stored = {trial.block for trial in results.trials(run.id)}
        for block in set(range(blocks)) - stored:
            for place, arm in enumerate([*names, NOISE_ARM]):
                speed = 2 if "repack" in arm else 1
                results.add_trial(
                    run.id, make_trial(block, place, tg.name, arm, (10_000_000 // speed,))
                )
    return run


def test_a_new_order_becomes_a_run_that_says_whose_it_is(lab, monkeypatch):
    asked = []

    def run_variants(request, _observer):
        asked.append(request)
        return finished(request.part_of)

    monkeypatch.setattr(optimize_lab, "run_variants", run_variants)
    found = lab.measure(ORDER)
    [request] = asked
    assert request.names == ("native+repack=0", "native+poll=0")
    assert request.baseline == "native"
    assert request.workloads == ("tg16",)
    assert (request.blocks, request.seed, request.part_of) == (12, 9, "o1/screen")
    assert not request.sampled
    assert found.blocks == BLOCKS - 1  # the first warms up
    fast, same = found.arms
    assert fast.configuration == ("repack=0",)
    assert fast.logs["tg16"] == pytest.approx([0.6931] * found.blocks, abs=1e-3)
    assert same.logs["tg16"] == pytest.approx([0.0] * found.blocks)
    # Asked again, as after a kill between two stages, it is there.
    assert lab.measure(ORDER) == found
    assert len(asked) == 1


def test_an_interrupted_run_goes_on(lab, monkeypatch):
    stored = finished("o1/screen", status="interrupted", blocks=2)
    asked = []

    def run_variants(request, _observer):
        asked.append(request)
        raise Interrupted("stopped", "'variants --resume' goes on")

    monkeypatch.setattr(optimize_lab, "run_variants", run_variants)
    with pytest.raises(Interrupted, match="optimize --resume o1"):
        lab.measure(ORDER)
    assert asked[0].resume == stored.id
    assert asked[0].names == ()


def test_where_every_block_was_disturbed_it_says_so_and_tries_again(lab, monkeypatch):
    asked = []

    def run_variants(request, _observer):
        asked.append(request)
        run = finished(request.part_of, blocks=1)
        gone = (DiscardedBlock(block=1, reason="x"),) if disturbed else ()
        return msgspec.structs.replace(run, discarded=gone)

    disturbed = True
    monkeypatch.setattr(optimize_lab, "run_variants", run_variants)
    with pytest.raises(Inconclusive, match="disturbed by other programs.*--resume o1"):
        lab.measure(ORDER)
    disturbed = False
    with pytest.raises(Inconclusive, match="over before its first block.*more --budget"):
        lab.measure(ORDER)
    monkeypatch.setattr(
        optimize_lab, "run_variants", lambda r, _: asked.append(r) or pytest.skip("asked again")
    )
    with pytest.raises(pytest.skip.Exception):
        lab.measure(ORDER)
    assert len(asked) == 3


def test_an_arm_that_is_not_ready_has_its_reason():
    run = finished("x")
    arms = (
        run.arms[0],
        msgspec.structs.replace(run.arms[1], status="build failed", reason="no header"),
        run.arms[2],
    )
    run = msgspec.structs.replace(run, arms=arms)
    with Results.open() as results:
        trials = results.trials(run.id)
    names = {"native+repack=0": ("repack=0",), "native+poll=0": ("poll=0",)}
    found = measurement_of(run, trials, names)
    assert found.arms[0].reason == "build failed: no header"
    assert found.arms[0].logs == {}
    assert found.arms[1].reason == ""


@pytest.mark.parametrize(("limit", "allowed"), [(0.01, False), (0.05, True), (None, True)])
def test_a_kv_cache_may_cost_no_more_than_is_allowed(limit, allowed):
    run = finished("x")
    quality = Equivalence(verdict="same", mean_kl_divergence=0.02)
    arms = (run.arms[0], msgspec.structs.replace(run.arms[1], equivalence=quality), run.arms[2])
    run = msgspec.structs.replace(run, arms=arms)
    with Results.open() as results:
        trials = results.trials(run.id)
    names = {"native+repack=0": ("kv-cache=q4_0",), "native+poll=0": ("poll=0",)}
    [cache, other] = measurement_of(run, trials, names, (limit, None)).arms
    assert bool(cache.logs) == allowed
    assert ("0.02 nats" in cache.reason) != allowed
    assert other.logs


@pytest.mark.parametrize(("limit", "allowed"), [(0.1, False), (0.5, True)])
def test_a_format_of_the_weights_may_cost_no_more_than_is_allowed(limit, allowed):
    run = finished("x")
    costs = Quality(reference="F16", mean_kl_divergence=0.2)
    unknown = Quality(reference="F16", reason="no documentation")
    arms = (
        run.arms[0],
        msgspec.structs.replace(run.arms[1], quality=costs),
        msgspec.structs.replace(run.arms[2], quality=unknown),
    )
    run = msgspec.structs.replace(run, arms=arms)
    with Results.open() as results:
        trials = results.trials(run.id)
    names = {"native+repack=0": ("quantization=Q4_0",), "native+poll=0": ("quantization=Q8_0",)}
    [coarse, silent] = measurement_of(run, trials, names, (None, limit)).arms
    assert bool(coarse.logs) == allowed
    assert ("0.2 nats" in coarse.reason) != allowed
    # What nobody knows the cost of is not taken.
    assert silent.logs == {}
    assert "not known: no documentation" in silent.reason


def test_a_trial_takes_what_lies_between_two_of_them_too():
    def at(second, wall):
        started = f"2026-11-22T12:00:{second:06.3f}+00:00"
        return msgspec.structs.replace(make_trial(state=make_state(wall)), started=started)

    trials = [at(0, 1.0), at(1.5, 1.0), at(3.0, 1.0), at(50.0, 1.0)]  # the last after a stop
    assert trial_seconds(trials) == pytest.approx(1.5)
    assert trial_seconds([]) == 0


@pytest.mark.parametrize(
    ("times", "counted", "ends"),
    [
        ([10, 20, 30], 3, False),
        ([10, 30, 50], 3, True),  # another twenty seconds would be too many
        ([10, 30, 50], 2, False),  # not yet enough blocks
        ([10, 40, 170], 2, True),  # but there is an end to patience
    ],
)
def test_a_stage_ends_when_no_further_block_fits(times, counted, ends):
    clock = iter([0, *times])
    deadline = Deadline(ORDER.seconds, ORDER.least, ORDER.hard_seconds, lambda: next(clock))
    answers = [deadline.enough(counted) for _ in times]
    assert answers[-1] is ends


@pytest.mark.parametrize(
    ("times", "counted", "ends"),
    [
        ([500, 510], 0, False),  # a long build leaves the measurement its patience
        ([500, 510, 520], 3, True),  # but not more than what is enough
        ([500, 560, 670], 2, True),
    ],
)
def test_building_may_be_left_out_of_the_patience(times, counted, ends):
    clock = iter([0, *times])
    deadline = Deadline(60, 3, 120, lambda: next(clock), building_apart=True)
    assert [deadline.enough(counted) for _ in times][-1] is ends


def test_a_run_ends_when_its_request_has_enough(monkeypatch):
    """The clock has its say besides the looks, and knows only how many blocks count."""
    run = msgspec.structs.replace(finished("x"), discarded=(DiscardedBlock(block=2, reason="x"),))
    with Results.open() as results:
        trials = results.trials(run.id)
        seen = []

        def measure(_run, _arms, _results, watcher):
            return watcher.may_stop(trials, run.discarded)

        monkeypatch.setattr(story, "measure", measure)
        answers = iter([True, False])

        def enough(counted):
            seen.append(counted)
            return next(answers)

        assert story._measure(run, Inputs(), results, Observer(), Interrupts(), enough) is True
        assert story._measure(run, Inputs(), results, Observer(), Interrupts(), enough) is False
        assert story._measure(run, Inputs(), results, Observer(), Interrupts(), None) is False
    assert seen == [BLOCKS - 2] * 2


def test_within_a_budget_no_time_goes_to_a_baseline_whose_rivals_all_lack_something(monkeypatch):
    run = finished("x")
    arms = tuple(
        arm if arm.name == run.baseline else msgspec.structs.replace(arm, status="unsupported")
        for arm in run.arms
    )
    alone = msgspec.structs.replace(run, arms=arms)
    with Results.open() as results:
        trials = results.trials(run.id)
        monkeypatch.setattr(
            story,
            "measure",
            lambda _run, _arms, _results, watcher: watcher.may_stop(trials, ()),
        )

        def ends(which, enough):
            return story._measure(which, Inputs(), results, Observer(), Interrupts(), enough)

        assert ends(alone, lambda _: False) is True
        assert ends(run, lambda _: False) is False
        assert ends(alone, None) is False


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (Wishes(goal="speed"), "unknown goal 'speed'"),
        (Wishes(target=0.9), "is no gain"),
        (Wishes(base="prebuilt:/usr/bin/llama-bench"), "built already"),
    ],
)
def test_wrong_wishes_are_refused(wishes, says):
    with pytest.raises(BadInput, match=says):
        pipeline._check(wishes)


def test_a_stop_is_stored_with_the_time_that_was_spent(monkeypatch):
    lab = SimulatedLab(4, stop_at="search 1", stop_after=33.0)
    told = []

    class Told(Observer):
        def stage(self, record):
            told.append(len(record.stages))

    with pytest.raises(Interrupted):
        pipeline._run(surveyed_record(lab), lab, Told())
    with Results.open() as results:
        stored = results.optimization("o1")
    assert stored.status == "interrupted"
    assert [stage.name for stage in stored.stages] == ["screen"]
    assert stored.spent_seconds == pytest.approx(lab.time)
    assert stored.spent_seconds == pytest.approx(stored.stages[0].spent_seconds + 33)
    assert told == [0, 1]


def test_a_trial_takes_as_long_as_in_the_newest_run_of_the_model_here():
    run = finished("x")
    known = (run.machine, run.model, run.threads)
    assert pipeline._seen_here(*known) == pytest.approx(1.0)  # as its trials' states have it
    other = msgspec.structs.replace(run.model, sha256="c" * 64)
    assert pipeline._seen_here(run.machine, other, run.threads) == 0
    assert pipeline._seen_here(run.machine, run.model, run.threads + 1) == 0
    finished("x", status="interrupted", blocks=0)  # the same id: it is no longer complete
    assert pipeline._seen_here(*known) == 0


def test_a_complete_one_is_not_resumed():
    with Results.open() as results:
        results.save_optimization(new_record(status="done"))
    with pytest.raises(BadInput, match="is complete"):
        pipeline.resume("latest", Observer())
