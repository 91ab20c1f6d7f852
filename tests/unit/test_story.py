"""What one arm's failure means to the run, and what a resumed run takes up again."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.pipeline import story
from llamabuild.pipeline.observer import Observer
from llamabuild.types.run import Arm
from llamabuild.types.variant import Variant
from tests.runs import SOURCE, make_model, make_run

INTERRUPTS = SimpleNamespace(check=lambda: None)


def arm(name, status="pending", reason=""):
    variant = Variant(name=name, description="", source=SOURCE.spec)
    return Arm(name=name, status=status, reason=reason, variant=variant)


@pytest.fixture
def proved(monkeypatch):
    """Prove a run of avx2 and native; what each stage says is made up."""

    def ready(run, *_):
        return tuple(
            msgspec.structs.replace(a, status="ready") if a.status == "pending" else a
            for a in run.arms
        )

    def prove(*, inspect=lambda arm, _: arm, allocate=lambda run, *_: run.arms):
        monkeypatch.setattr(story, "prove", inspect)
        monkeypatch.setattr(story, "check_all", ready)
        monkeypatch.setattr(story, "prove_allocations", allocate)
        monkeypatch.setattr(story, "prove_executions", lambda run, *_: run.arms)
        build = {"build": msgspec.UNSET}  # anything but None
        arms = tuple(msgspec.structs.replace(arm(n), **build) for n in ("avx2", "native"))
        run = make_run(arms=arms)
        monkeypatch.setattr(story, "_stored", lambda run, _: run)
        return story._proved(run, None, Observer(), INTERRUPTS, sampled=True).arms

    return prove


def failing(name):
    def inspect(found, _):
        if found.name == name:
            message = "objdump did not finish"
            raise EnvironmentLacks(message)
        return found

    return inspect


def test_an_arm_that_cannot_be_inspected_costs_itself_alone(proved):
    avx2, native = proved(inspect=failing("native"))
    assert avx2.status == "ready"
    assert (native.status, native.reason) == ("not inspected", "objdump did not finish")
    assert story._pending_again((native,), None, begun=False)[0].status == "pending"


def test_a_baseline_that_cannot_be_inspected_ends_the_run(proved):
    with pytest.raises(EnvironmentLacks, match="did not finish"):
        proved(inspect=failing("avx2"))


def test_a_baseline_with_another_malloc_than_promised_is_one_clear_line(proved):
    def wrong(run, *_):
        return tuple(
            msgspec.structs.replace(a, status="wrong allocator", reason="is libc's")
            if a.name == "avx2"
            else a
            for a in run.arms
        )

    with pytest.raises(BadInput, match="the baseline avx2: is libc's: choose another with"):
        proved(allocate=wrong)


@pytest.fixture
def again(monkeypatch, tmp_path):
    """Look for a run's model again; a file that has to be made anew gets this hash."""

    def resolve(path, sha256="b" * 64):
        def run_model(spec, source, baseline, *_):
            assert (spec, source, baseline.name) == ("default", SOURCE, "avx2")
            fresh = make_model(str(tmp_path / "anew.gguf"))
            return msgspec.structs.replace(fresh, sha256=sha256)

        monkeypatch.setattr(story, "run_model", run_model)
        monkeypatch.setattr(story, "known_file", lambda *_: SimpleNamespace(sha256=sha256))
        run = make_run(arms=(arm("avx2"),), model=make_model(str(path)))
        maker = SimpleNamespace(sources=SimpleNamespace(baseline=SOURCE))
        return story._model_again(run.model, run, maker, Observer())

    return resolve


def test_a_model_whose_file_is_gone_is_fetched_again(again, tmp_path):
    assert Path(again(tmp_path / "gone.gguf").path).name == "anew.gguf"
    there = tmp_path / "there.gguf"
    there.touch()
    assert again(there).path == str(there)


@pytest.mark.parametrize("there", [True, False])
def test_another_model_than_the_run_s_is_refused(again, tmp_path, there):
    path = tmp_path / "model.gguf"
    if there:
        path.touch()
    with pytest.raises(BadInput, match="has changed since run"):
        again(path, sha256="c" * 64)
