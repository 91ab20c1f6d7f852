"""Where threads may run: what the axis's words mean on machines of several shapes."""

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.variants import affinity, load_catalogue
from llamabuild.variants.affinity import Layout, explained, stands_for, values_here
from llamabuild.variants.axes import make_axis, make_sweep


def cores(*siblings):
    return tuple(map(frozenset, siblings))


PLAIN = Layout(cores({0}, {1}), (0, 1))
SIBLINGS_FAR = Layout(cores({0, 4}, {1, 5}, {2, 6}, {3, 7}), tuple(range(8)))
SIBLINGS_NEAR = Layout(cores({0, 1}, {2, 3}), (0, 1, 2, 3))
PART = Layout(cores({0, 1}, {2, 3}, {4, 5}), (1, 4, 5))
ALONE = Layout(cores({0}, {1}), (1,))


@pytest.mark.parametrize(
    ("layout", "value", "setting"),
    [
        (PLAIN, "first-1", "cpus=0"),
        (PLAIN, "cores", "cpus=0-1"),
        (PLAIN, "mask", "cpu-mask=0x3"),
        (PLAIN, "node-1", "node=1"),
        (SIBLINGS_FAR, "first-4", "cpus=0-3"),
        (SIBLINGS_FAR, "cores", "cpus=0-3"),
        (SIBLINGS_NEAR, "first-2", "cpus=0-1"),
        (SIBLINGS_NEAR, "cores", "cpus=0,2"),
        (SIBLINGS_NEAR, "mask", "cpu-mask=0x5"),
        (PART, "first-2", "cpus=1,4"),
        (PART, "cores", "cpus=1,4"),
        (PART, "mask", "cpu-mask=0x12"),
    ],
)
def test_words_become_settings_of_the_machine(layout, value, setting):
    assert stands_for(value, layout) == setting


@pytest.mark.parametrize(
    ("layout", "threads", "values"),
    [
        (PLAIN, 2, ("first-2", "mask", "node-0")),  # cores are the same CPUs
        (PLAIN, 1, ("first-1", "cores", "mask", "node-0")),  # a quota of one CPU
        (SIBLINGS_NEAR, 2, ("first-2", "cores", "mask", "node-0")),
        (ALONE, 1, ()),
    ],
)
def test_the_values_of_the_axis_are_those_that_differ_here(layout, threads, values):
    assert values_here(layout, threads) == values


@pytest.fixture
def hyper_threads(monkeypatch):
    monkeypatch.setattr("llamabuild.variants.settings.this_layout", lambda: SIBLINGS_NEAR)
    monkeypatch.setattr("llamabuild.variants.axes.this_layout", lambda: SIBLINGS_NEAR)


def test_a_variant_is_stored_with_what_the_word_meant(hyper_threads):
    catalogue = load_catalogue("pypi:x==1", [])
    assert catalogue.get("native+affinity=cores").runtime.launcher == ("taskset", "-c", "0,2")
    mask = catalogue.get("native+affinity=mask").runtime.bench
    assert mask == ("-C", "0x5", "--cpu-strict", "1")
    node = catalogue.get("native+affinity=node-0")
    assert node.requires.tools == ("numactl",)
    assert node.runtime.launcher == ("numactl", "--cpunodebind=0", "--membind=0")


def test_an_axis_says_what_its_values_mean(hyper_threads):
    axis = make_axis("affinity", ["first-1", "cores"], {})
    assert axis.what == "where threads may run (first-1 is cpus=0, cores is cpus=0,2)"
    points = make_sweep("native", [axis]).points
    assert [p.values for p in points] == [("",), ("first-1",), ("cores",)]
    assert explained(["mask"], SIBLINGS_NEAR) == "mask is cpu-mask=0x5"


def test_more_cpus_than_there_are_get_one_line(hyper_threads):
    with pytest.raises(BadInput, match="'affinity=first-9': 4 CPUs may be used here"):
        make_axis("affinity", ["first-9"], {})
    with pytest.raises(BadInput, match="not a value for where threads may run"):
        make_axis("affinity", ["first-0"], {})


def test_one_cpu_leaves_no_choice():
    with pytest.raises(EnvironmentLacks, match="one CPU may be used here"):
        make_axis("affinity", (), {"affinity": ""})


def test_this_machine_has_a_layout():
    layout = affinity.this_layout()
    assert set(layout.allowed) <= set().union(*layout.cores)
