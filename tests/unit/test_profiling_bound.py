"""Memory- or compute-bound: each source's rule, and what they come to together."""

import pytest

from llamabuild.profiling.bound import rate_opinions, roofline_opinion, rules, verdict
from llamabuild.roofline import Share
from llamabuild.types.profile import Opinion, Rate


def rate(name, value, origin="counted", unit=""):
    return Rate(name=name, title=name, value=value, unit=unit, origin=origin, basis="")


def share(memory, compute, said):
    return Share(
        variant="v",
        workload="tg16",
        threads=2,
        tokens_per_second=1.0,
        share=max(memory, compute),
        bandwidth_share=memory,
        compute_share=compute,
        verdict=said,
        advice="",
    )


def opinion(source, said):
    return Opinion(source=source, measure="m", value=0.5, unit="of x", verdict=said, rule="r")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("memory_stall_share", 0.5, "memory-bound"),
        ("memory_stall_share", 0.33, "memory-bound"),
        ("memory_stall_share", 0.2, "neither"),
        ("memory_stall_share", 0.05, "compute-bound"),
        ("llc_mpki", 20.0, "memory-bound"),
        ("llc_mpki", 5.0, "neither"),
        ("llc_mpki", 0.5, "compute-bound"),
    ],
)
def test_rules_of_the_counters(name, value, said):
    [found] = rate_opinions([rate(name, value)], "counters")
    assert (found.verdict, found.source) == (said, "counters")
    assert "memory-bound" in found.rule


def test_what_was_read_is_held_against_the_probed_bandwidth():
    bandwidth = rate("llc_bandwidth", 16e9, unit="bytes/s")
    assert rate_opinions([bandwidth], "counters") == ()
    [found] = rate_opinions([bandwidth], "counters", 20e9)
    assert found.value == 0.8
    assert found.verdict == "memory-bound"
    controllers = rate("memory_bandwidth", 2e9, unit="bytes/s")
    [found] = rate_opinions([bandwidth, controllers], "counters", 20e9)
    assert found.value == 0.1  # controllers know what prefetchers fetched


def test_simulated_rates_have_their_own_rule():
    [found] = rate_opinions([rate("llc_mpki", 20.0, "simulated")], "simulation")
    assert "simulated" in found.rule
    assert found.source == "simulation"


def test_every_rule_is_about_a_rate_that_exists_and_in_order():
    for rule in rules():
        assert rule.compute < rule.memory
        assert rule.rule.format(memory=rule.memory, compute=rule.compute)


def test_the_rooflines_larger_share_speaks():
    found = roofline_opinion(share(0.7, 0.3, "memory-bound"))
    assert (found.value, found.measure) == (0.7, "share of the bandwidth")
    assert "60%" in found.rule
    assert roofline_opinion(share(0.1, 0.2, "neither")).measure == "share of the peak arithmetic"


def test_sources_that_agree():
    found = verdict([opinion("roofline", "memory-bound"), opinion("counters", "memory-bound")])
    assert found.agreement == "agree"
    assert found.sentence.startswith("memory-bound: roofline and counters agree")


def test_a_disagreement_is_shown():
    found = verdict([opinion("roofline", "compute-bound"), opinion("counters", "memory-bound")])
    assert found.agreement == "disagree"
    assert "roofline says compute-bound, counters says memory-bound" in found.sentence


def test_within_a_source_the_first_rule_that_decides_speaks():
    found = verdict(
        [
            opinion("roofline", "memory-bound"),
            opinion("counters", "neither"),
            opinion("counters", "memory-bound"),
            opinion("counters", "compute-bound"),
        ]
    )
    assert found.agreement == "agree"
    assert len(found.opinions) == 4


def test_a_simulation_is_silent_where_something_was_counted():
    counted, simulated = opinion("counters", "memory-bound"), opinion("simulation", "compute-bound")
    found = verdict([opinion("roofline", "memory-bound"), counted, simulated])
    assert found.agreement == "agree"
    assert verdict([opinion("roofline", "memory-bound"), simulated]).agreement == "disagree"


def test_one_source_is_called_so_and_says_what_lacks():
    found = verdict([opinion("roofline", "neither")], ["no counters here"])
    assert found.agreement == "one source"
    assert found.sentence.startswith("neither by the roofline alone")
    assert found.sentence.endswith("no counters here")


def test_nothing_known_says_why():
    found = verdict([], ["no probes", "no counters"])
    assert found.agreement == "unknown"
    assert found.sentence == "not known: no probes; no counters"
