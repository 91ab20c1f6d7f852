"""Which build valgrind runs: the profiled one, else the best that it can, else a reason."""

from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.interrupts import Interrupts
from llamabuild.pipeline import profile_simulation
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.profile_simulation import Simulator
from llamabuild.profiling import CannotSimulate
from llamabuild.profiling.callgrind import read_callgrind
from tests.profile_fixture import FakeCatalogue, FakeMaker, arm_of, subject_of
from tests.runs import PP, TG


@pytest.fixture
def simulator(monkeypatch):
    tool = SimpleNamespace(version="valgrind-9")
    monkeypatch.setattr(profile_simulation, "find_valgrind", lambda: tool)
    monkeypatch.setattr(profile_simulation, "prove", lambda arm, _cpu: arm)
    monkeypatch.setattr(profile_simulation, "unsupported_reason", lambda _variant, _cpu: "")
    monkeypatch.setattr(profile_simulation, "dialect_of", lambda *_: None)
    monkeypatch.setattr(
        profile_simulation, "program_argv", lambda program, task, *_: [program, task]
    )
    graph = read_callgrind(["events: Ir DLmr\n", "fn=f\n", "1 1000 20\n"])
    ran = []

    def make(groups, *, refused=(), made=lambda arm: arm_of(arm.name)):
        def simulate(argv, *_args, **_options):
            ran.append((argv[0].parent.parent.name, argv[1]))
            if ran[-1][0] in refused:
                raise CannotSimulate("valgrind does not know an instruction of this build")
            return SimpleNamespace(graph=graph, calls=3)

        monkeypatch.setattr(profile_simulation, "simulate", simulate)
        maker = FakeMaker(made)
        arm = arm_of("native", *groups)
        return (
            Simulator(subject_of(arm), maker, FakeCatalogue(), Observer(), Interrupts()),
            maker,
            ran,
        )

    return make


def test_a_build_that_valgrind_can_run_is_simulated_itself(simulator):
    found, maker, ran = simulator(["avx2"])
    simulation, graph = found.simulated(TG)
    assert (simulation.variant, simulation.reason) == ("native", "")
    assert simulation.workload == "tg2"
    assert simulation.scope == "the last of 3 computed batches, one thread, loading left out"
    assert {rate.name: rate.value for rate in simulation.rates} == {"llc_mpki": 20}
    assert graph.total("Ir") == 1000
    assert maker.asked == []
    assert (ran[0][1].threads, ran[0][1].repetitions) == (1, 1)


def test_another_build_stands_in_for_one_with_avx512(simulator):
    found, maker, ran = simulator(["avx512f", "avx2"])
    for workload in (PP, TG):
        simulation, _ = found.simulated(workload)
        assert simulation.variant == "avx2"
        assert "native: valgrind cannot run its avx512f" in simulation.reason
    assert maker.asked == ["avx2"]  # once
    assert [name for name, _ in ran] == ["id-avx2", "id-avx2"]


def test_what_valgrind_fails_on_is_tried_on_the_next_build(simulator):
    found, maker, _ = simulator(["avx2"], refused={"id-native", "id-avx2"})
    simulation, _ = found.simulated(TG)
    assert simulation.variant == "generic"
    assert maker.asked == ["avx2", "generic"]
    assert "native: valgrind does not know" in simulation.reason


def test_no_build_for_valgrind_has_its_reasons(simulator):
    def failed(arm):
        return msgspec.structs.replace(arm, build=None, reason="cmake failed")

    found, _, ran = simulator(["avx512f"], made=failed)
    simulation, graph = found.simulated(TG)
    assert (simulation.tool, graph, ran) == ("", None, [])
    assert "avx2: cmake failed; generic: cmake failed" in simulation.reason


def test_no_valgrind_is_said_with_the_remedy(simulator, monkeypatch):
    def lacks():
        raise CannotSimulate("'valgrind' was not found: apt-get install valgrind")

    found, _, _ = simulator(["avx2"])
    monkeypatch.setattr(profile_simulation, "find_valgrind", lacks)
    assert "apt-get install valgrind" in found.simulated(TG)[0].reason
