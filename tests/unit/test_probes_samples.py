"""Sampling until the median has settled, on a clock that is made up."""

import pytest

from llamabuild.probes import best_read
from llamabuild.probes.samples import FEWEST, MOST, collect, median_is_settled, quantile
from llamabuild.types.kernels import Probe, Spread


class Machine:
    """Passes take the seconds that ``times`` gives, in turn; the clock is theirs."""

    def __init__(self, times, disturbed=lambda n: False, per_call=0.0):
        self.times, self.disturbed, self.per_call = times, disturbed, per_call
        self.now, self.samples, self.calls = 0.0, 0, []

    def run(self, passes, samples, *, warm):
        self.calls.append((passes, samples, warm))
        self.now += self.per_call
        found = []
        for _ in range(samples):
            seconds = passes * self.times[self.samples % len(self.times)]
            found.append((seconds, not self.disturbed(self.samples)))
            self.samples += 1
            self.now += seconds
        return found

    def collect(self, seconds=0.5, should_stop=lambda: False):
        return collect(
            self.run,
            seconds=seconds,
            warm=False,
            should_stop=should_stop,
            clock=lambda: self.now,
        )


def test_quantiles_interpolate():
    assert quantile([3.0], 0.25) == 3.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.25) == 2.0
    assert quantile([0.0, 10.0], 0.75) == 7.5
    with pytest.raises(ValueError, match="no numbers"):
        quantile([], 0.5)


def test_a_median_settles_when_its_interval_is_narrow():
    assert not median_is_settled([1.0] * (FEWEST - 1))
    assert median_is_settled([1.0] * FEWEST)
    # Outliers on a few samples don't matter, a spread of the middle does.
    assert median_is_settled([1.0] * 18 + [9.0] * 2)
    assert not median_is_settled([1.0 + 0.02 * k for k in range(20)])
    assert median_is_settled([1.0 + 0.00002 * k for k in range(1000)])


def test_steady_samples_stop_after_one_call():
    machine = Machine([1e-5])
    found = machine.collect()
    assert found.settled
    assert found.seconds == pytest.approx([1e-5] * len(found.seconds))
    passes, samples, _ = machine.calls[-1]
    assert passes * 1e-5 == pytest.approx(1e-3, rel=0.5)  # the length of a sample
    assert samples == len(found.seconds)
    assert machine.now < 0.1


def test_a_pass_too_short_to_time_is_repeated():
    machine = Machine([0.0, *[1e-9] * 400])
    machine.collect()
    assert machine.calls[-1][0] > 10_000


def test_an_interruption_at_the_start_does_not_make_samples_too_short():
    machine = Machine([8e-3, 9e-3, *[1e-6] * 400], disturbed=lambda n: n < 2)
    machine.collect()
    assert machine.calls[-1][0] > 100


def test_samples_that_never_settle_end_with_the_time():
    machine = Machine([1e-3 + 1e-4 * k for k in range(20)])
    found = machine.collect(seconds=0.3)
    assert not found.settled
    assert 0.3 <= machine.now < 0.4
    assert len(found.seconds) >= FEWEST


def test_very_long_passes_end_after_bounded_overtime_with_fewer_samples():
    machine = Machine([0.2, 0.3])
    found = machine.collect(seconds=0.1)
    assert 1 <= len(found.seconds) < FEWEST
    assert machine.now < 1.0
    assert max(samples for _, samples, _ in machine.calls) == 1  # a call stays short


def test_the_number_of_samples_is_bounded():
    found = Machine([1e-3, 2e-3]).collect(seconds=1e6)
    assert MOST <= len(found.seconds) <= MOST + 20


def test_disturbed_samples_are_left_out_by_the_flag_and_not_by_their_time():
    # Every other sample is disturbed; one undisturbed in eight is slow and stays.
    times = [1e-3, 9e-3, 1e-3, 9e-3, 1e-3, 9e-3, 5e-3, 9e-3]
    found = Machine(times, disturbed=lambda n: n % 2 == 1).collect()
    assert found.left_out
    assert max(found.seconds) == pytest.approx(5e-3)
    assert "left out" in found.note
    assert found.disturbed > 0


def test_all_samples_count_when_too_few_are_undisturbed():
    found = Machine([1e-3], disturbed=lambda n: True).collect()
    assert not found.left_out
    assert not found.settled
    assert found.disturbed == len(found.seconds) > 0
    assert "other processes ran during" in found.note


def test_quiet_samples_need_no_word():
    assert Machine([1e-3]).collect().note == ""
    assert Machine([1e-3], disturbed=lambda n: n == 3).collect().note == ""
    assert Machine([5.0]).collect(seconds=0.1).note == ""


def test_a_request_to_stop_is_heard_between_calls():
    machine = Machine([1e-3, 2e-3])
    assert machine.collect(should_stop=lambda: machine.now > 0.05) is None
    assert machine.now < 0.2


# The bound that comes out of the reads.


def read(value, *, residence="L2", threads=1, size=1 << 19, name="read", streams=4):
    return Probe(
        name=name,
        kind="bandwidth",
        value=value,
        unit="bytes/s",
        spread=Spread(low=value, high=value, samples=9, stable=True, steal_seconds=None),
        threads=threads,
        working_set_bytes=size,
        residence=residence,
        isa="avx2",
        width_bits=256,
        streams=streams,
        pages="4K",
    )


def test_the_best_read_is_the_fastest_of_its_residence_and_threads():
    best = read(90.0, streams=8)
    others = [
        read(80.0),
        read(95.0, residence="L1"),
        read(99.0, threads=2),
        read(120.0, name="copy"),
    ]
    assert best_read([*others, best], "L2", 1) is best
    assert best_read(others, "L3", 1) is None
    assert best_read([], "L2", 1) is None


def test_memory_is_read_at_its_largest_size_only():
    partly_cached, real = (
        read(50.0, residence="memory", size=40),
        read(20.0, residence="memory", size=400),
    )
    assert best_read([partly_cached, real], "memory", 1) is real
    assert best_read([partly_cached, real], "memory", 1, working_set_bytes=45) is partly_cached


def test_a_size_picks_the_nearest_by_ratio():
    small, large = read(100.0, size=1 << 16), read(60.0, size=1 << 20)
    assert best_read([small, large], "L2", 1) is small
    assert best_read([small, large], "L2", 1, working_set_bytes=1 << 19) is large
