"""Which levers are searched, and why others are not."""

import msgspec
import pytest

from llamabuild.machine.mask import mask_of
from llamabuild.model.ggml_types import tensor_types
from llamabuild.optimize.facts import layout, lever_facts
from llamabuild.optimize.levers import levers_here
from llamabuild.variants import load_catalogue
from llamabuild.variants.settings import checked_setting, is_setting
from tests.optimize_lab import SimulatedLab, situation
from tests.simulation import MACHINE

WORDS = situation().words()


def chosen(here, lab=None):
    levers, left_out = levers_here(here, lab or SimulatedLab(1))
    choices = {part for lever in levers for part in lever.choices}
    return choices, {each.part: each.reason for each in left_out}


def test_every_choice_of_the_table_exists():
    catalogue = load_catalogue("pypi:x==1", [])
    for lever in lever_facts():
        assert set(lever.kinds) <= {"pp", "tg"}
        for word in lever.choices:
            part = word.format_map(WORDS)
            if is_setting(part):
                checked_setting(part)
            assert catalogue.knows(part if lever.replaces else f"native+{part}"), part


def test_what_builds_and_what_does_not_is_said_right():
    """A choice that is said to build nothing must not change what goes into a build."""
    catalogue = load_catalogue("pypi:x==1", [])
    base = catalogue.get("native")

    def recipe(variant):
        return variant.source, variant.toolchain, variant.cmake, variant.flags, variant.optimize

    for lever in lever_facts():
        for word in lever.choices:
            part = word.format_map(WORDS)
            variant = catalogue.get(part if lever.replaces else f"native+{part}")
            same = recipe(variant) == recipe(base) and variant.allocator.how != "link"
            assert same != lever.builds or part == "native", part


def test_every_goal_weighs_one_in_all():
    assert set(layout().goals) == {"tg", "pp", "both", "server"}
    for weights in layout().goals.values():
        assert sum(weights.values()) == pytest.approx(1)


def test_one_thread_has_nothing_to_wait_for():
    choices, reasons = chosen(situation(threads=1))
    assert "waits for no other" in reasons["poll=0"]
    assert "needs no barrier" in reasons["no-openmp"]
    assert not {"poll=0", "poll=100", "no-openmp", "cpu-mask=0x3"} & choices


def test_one_node_and_no_huge_pages():
    bare = msgspec.structs.replace(MACHINE, transparent_huge_pages="never")
    choices, reasons = chosen(situation(machine=bare))
    assert "no huge pages" in reasons["hugealloc"]
    assert "no huge pages" in reasons["glibc-hugepages"]
    assert "mimalloc" in choices
    assert "one NUMA node" in reasons["numa=distribute"]
    two = msgspec.structs.replace(MACHINE, numa_nodes=2)
    assert "numa=distribute" in chosen(situation(machine=two))[0]


def test_types_of_the_kv_cache_are_searched_where_quality_may_suffer():
    assert "--allow-kv-quality" in chosen(situation())[1]["kv-cache=q8_0"]
    assert "kv-cache=q8_0" in chosen(situation(kv_quality=0.02))[0]


def test_formats_of_the_weights_are_searched_where_that_is_allowed_and_means_something():
    part = "quantization=Q8_0"
    assert "--allow-quantization" in chosen(situation())[1][part]
    assert part in chosen(situation(weights_quality=0.1))[0]
    random = chosen(situation(weights_quality=0.1, random_weights=True))[1]
    assert "weights are random" in random[part]
    own = chosen(situation(weights_quality=0.1, quantization="Q8_0"))
    assert own[1][part] == "the model has it"
    assert "quantization=Q4_0" in own[0]


def test_what_cannot_touch_the_goal_is_not_searched():
    choices, reasons = chosen(situation("tg"))
    assert "cannot change what the goal 'tg' asks for" in reasons["ubatch=16"]
    assert "no-tiled" not in choices
    choices, reasons = chosen(situation("pp"))
    assert {"ubatch=16", "ubatch=32", "no-tiled"} <= choices
    assert "longer than 64 tokens" in reasons["ubatch=64"]


def test_defaults_and_what_the_baseline_has_are_not_searched():
    _, reasons = chosen(situation("both", threads=2))
    assert reasons["prompt-threads=2"] == reasons["generation-threads=2"] == "it is the default"
    choices, reasons = chosen(situation("both", base="native+repack=0"))
    assert reasons["repack=0"] == "the baseline has it"
    assert reasons["native"] == "the baseline has it"
    assert {"prompt-threads=1", "generation-threads=1"} <= choices
    choices, _ = chosen(situation(base="native+threads=1"))
    assert "generation-threads=2" in choices, "the baseline has another number"


def test_threads_of_prompts_and_generation_are_levers_of_their_own():
    assert not any(part.startswith("prompt-threads") for part in chosen(situation("tg"))[0])
    assert not any(part.startswith("generation-threads") for part in chosen(situation("pp"))[0])


def test_weights_that_a_lever_does_not_work_on():
    choices, reasons = chosen(situation("pp", types=frozenset({"Q4_1", "Q8_0"})))
    assert reasons["no-tiled"].endswith("no weights that it works on (Q4_1, Q8_0)")
    assert "repack=0" in choices
    choices, _ = chosen(situation("pp", types=frozenset({"Q4_K", "Q6_K"})))
    assert {"no-tiled", "repack=0"} <= choices
    assert "no-llamafile" not in choices


def test_types_of_weights_are_written_as_the_model_s_header_has_them():
    known = {kind.name for kind in tensor_types().values()}
    for lever in lever_facts():
        assert set(lever.types) <= known


def test_what_cannot_differ_is_one():
    lab = SimulatedLab(1, same={"gcc": "", "jemalloc": "mimalloc"})
    _, reasons = chosen(situation(), lab)
    assert reasons["gcc"] == "cannot differ from the baseline"
    assert reasons["jemalloc"] == "cannot differ from 'mimalloc'"


def test_what_cannot_be_had_says_why():
    lab = SimulatedLab(1, refused={"clang": "not installed: clang"})
    choices, reasons = chosen(situation(), lab)
    assert reasons["clang"] == "not installed: clang"
    assert "clang" not in choices


@pytest.mark.parametrize(
    ("cores", "allowed", "threads", "mask"),
    [
        ([{0}, {1}], (0, 1), 2, "0x3"),
        ([{0, 4}, {1, 5}], range(8), 2, "0x3"),  # not the siblings of one core
        ([{0, 1}, {2, 3}], range(4), 2, "0x5"),
        ([{0, 1}, {2, 3}], range(4), 3, "0x7"),
        ([{0, 1}, {2, 3}], (1, 2, 3), 2, "0x6"),
        ([{0}], (0,), 2, ""),
    ],
)
def test_one_cpu_of_each_core_first(cores, allowed, threads, mask):
    assert mask_of(cores, allowed, threads) == mask
