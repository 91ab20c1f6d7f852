"""What a proof does to the arms of a run."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from llamabuild.errors import BuildFailed, EnvironmentLacks
from llamabuild.pipeline import allocation as stage
from llamabuild.pipeline.allocation import prove_allocations
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.story import _pending_again
from llamabuild.types.proof import Allocation
from llamabuild.types.run import Arm
from llamabuild.types.variant import Allocator, Runtime, Variant
from tests.runs import CPU

BUILD = SimpleNamespace(id="b1")
MODEL = SimpleNamespace(path="/models/m.gguf")


class Notes(Observer):
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


@pytest.fixture
def proved(monkeypatch, tmp_path):
    """Prove arms with a result that is made up; also what was asked."""
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path))
    asked = []

    def prove(arms, result=None):
        def fake(program, runtime, promise, **more):
            assert Path(more["folder"]).is_dir()
            asked.append((program.name, runtime, promise.name, more["threads"]))
            if isinstance(result, BuildFailed):
                raise result
            return result or Allocation(expected="", library="libc.so.6", passed=True)

        monkeypatch.setattr(stage, "prove_allocation", fake)
        run = SimpleNamespace(arms=arms, model=MODEL, threads=2)
        notes = Notes()
        found = prove_allocations(run, notes, SimpleNamespace(check=lambda: None))
        return found, asked, notes.lines

    return prove


def arm(name="", status="ready", build=BUILD, **more):
    allocator = Allocator(name=name, how="preload") if name else Allocator()
    variant = Variant(name="v", description="", source="", allocator=allocator, runtime=Runtime())
    return Arm(name="v", status=status, reason="", variant=variant, build=build, **more)


def test_every_arm_that_runs_is_proved_with_what_its_allocator_needs(proved):
    (plain, ours), asked, notes = proved((arm(), arm("hugealloc")))
    assert plain.allocation.library == "libc.so.6"
    assert (plain.status, ours.status, notes) == ("ready", "ready", [])
    assert [(program, promise, threads) for program, _, promise, threads in asked] == [
        ("llama-bench", "", 2),
        ("llama-bench", "hugealloc", 2),
    ]
    assert asked[1][1].environment["LD_PRELOAD"].endswith("libhugealloc.so")
    assert "LD_PRELOAD" not in ours.variant.runtime.environment


def test_another_malloc_than_promised_takes_the_arm_out(proved):
    wrong = Allocation(expected="hugealloc", library="libc.so.6", passed=False, reason="is libc's")
    (found,), _, notes = proved((arm("hugealloc"),), wrong)
    assert (found.status, found.reason, found.allocation) == ("wrong allocator", "is libc's", wrong)
    assert notes == ["v: is libc's"]


def test_a_crash_in_the_proof_is_no_wrong_allocator_and_is_tried_again(proved, monkeypatch):
    crash = BuildFailed("llama-bench was ended by SIGSEGV")
    (found,), _, notes = proved((arm("hugealloc"),), crash)
    assert (found.status, found.reason, found.allocation) == ("bench failed", str(crash), None)
    assert notes == [f"v: {crash}"]
    assert _pending_again((found,), CPU, begun=False)[0].status == "pending"
    assert _pending_again((found,), CPU, begun=True) == (found,)


def test_what_does_not_run_or_is_proved_already_is_left_alone(proved):
    good = Allocation(expected="", library="libc.so.6", passed=True)
    arms = (
        arm(status="build failed", build=None),
        arm(status="wrong output"),
        arm(allocation=good),
    )
    found, asked, _ = proved(arms)
    assert found == arms
    assert asked == []


def test_an_allocator_that_is_not_installed_makes_the_arm_unsupported(proved, monkeypatch):
    def lacks(_):
        raise EnvironmentLacks("'libjemalloc.so.2' was not found", "apt-get install libjemalloc2")

    monkeypatch.setattr("llamabuild.machine.allocators.find_library", lacks)
    (found,), asked, _ = proved((arm("jemalloc"),))
    assert found.status == "unsupported"
    assert "apt-get install libjemalloc2" in found.reason
    assert asked == []
