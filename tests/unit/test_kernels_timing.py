"""Timing kernels: what a sample is, and the order in which samples are taken."""

import ctypes
import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from llamabuild import _native
from llamabuild.errors import EnvironmentLacks
from llamabuild.kernels import timing
from llamabuild.kernels.formats import quantize
from llamabuild.kernels.registry import choose
from llamabuild.kernels.timing import Job, time_jobs

CPUS = tuple(sorted(os.sched_getaffinity(0)))
KERNEL = choose("q4_0", "vec_dot")


def job(**changes):
    return Job(**{"kernel": KERNEL, "length": 256, "rows": 8, "cpus": CPUS[:1], **changes})


def place(size, cpus=CPUS[:1], huge_pages=False):
    return _native.PlacedWeights(np.zeros(18, np.uint8), size, cpus, huge_pages)


def time_kernel(weights, **changes):
    arguments = {
        "shape": "vec_dot",
        "address": KERNEL.address,
        "format_name": "q4_0",
        "length": 256,
        "rows": 8,
        "columns": 1,
        "panel_rows": 0,
        "weights": weights,
        "activations": quantize("q8_0", np.ones((1, 256), np.float32)),
        "min_seconds": 1e-4,
        "samples": 1,
    }
    return _native.time_kernel(**(arguments | changes))


WEIGHTS = place(8 * 8 * 18)


@pytest.mark.parametrize("threads", [1, 2])
def test_samples_are_times(threads):
    if len(CPUS) < threads:
        pytest.skip("one CPU only")
    weights = place(8 * 8 * 18, CPUS[:threads])
    samples = time_kernel(weights, samples=5)
    assert len(samples) == 5
    # 64 blocks take more than a nanosecond and less than a second.
    assert all(1e-9 < s < 1 for s in samples)


def test_a_sample_repeats_for_the_time_asked():
    begin = time.perf_counter()
    [sample] = time_kernel(WEIGHTS, min_seconds=0.1)
    assert time.perf_counter() - begin >= 0.1
    assert sample < 0.01


@pytest.mark.parametrize("warm", [False, True])
def test_weights_that_no_cache_keeps_are_read_once_for_a_sample(warm):
    calls = []

    @ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 8)
    def count(*_):
        calls.append(1)

    address = ctypes.cast(count, ctypes.c_void_p).value
    expected = 8 * (3 + warm)
    # Samples that another program disturbed are taken again: the fewest calls are those of none.
    for _ in range(20):
        calls.clear()
        time_kernel(WEIGHTS, address=address, min_seconds=0, samples=3, warm=warm)
        assert len(calls) >= expected
        if len(calls) == expected:
            return
    pytest.fail(f"never {expected} calls")


def test_more_work_takes_longer():
    """A matrix of 64 times the rows, whatever the machine does meanwhile."""
    few = min(time_kernel(WEIGHTS, samples=5))
    many = min(time_kernel(place(512 * 8 * 18), rows=512, samples=5))
    assert many > 8 * few


def test_other_python_threads_run_meanwhile():
    done = threading.Event()
    turns = 0

    def count():
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = turns
    time_kernel(WEIGHTS, min_seconds=0.1)
    met = turns - before
    done.set()
    thread.join()
    assert met > 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 9}, "weights of a thread: expected 1296 bytes, found 1152"),
        ({"length": 100}, "a row of 100 weights: expected a multiple of 32"),
        ({"shape": "dot"}, "no shape is called 'dot'"),
        ({"format_name": "q4"}, "no format is called 'q4'"),
        ({"format_name": "q8_K"}, "format of activations"),
        ({"columns": 2}, "vec_dot has one column"),
        ({"columns": 0}, "at least 1"),
        ({"samples": 0}, "at least 1"),
        ({"min_seconds": float("nan")}, "at most 60"),
        ({"shape": "gemv"}, "panels of one row"),
        ({"activations": np.zeros((2, 272), np.uint8)}, "activations: expected 1 rows"),
        ({"activations": np.zeros((1, 271), np.uint8)}, "expected 272 bytes, found 271"),
    ],
)
def test_what_does_not_fit_is_told(changes, said):
    with pytest.raises(ValueError, match=said):
        time_kernel(WEIGHTS, **changes)


def test_cpus_are_checked():
    for cpus in ([], [CPUS[0], CPUS[0]], [-1], [1 << 20]):
        with pytest.raises(ValueError, match="cpus: expected"):
            place(18, cpus)
    missing = max(set(range(1024)) - set(CPUS))
    with pytest.raises(EnvironmentLacks, match=f"on the CPUs {missing} .*CPUs that this process"):
        time_jobs([job(cpus=(missing,))], 1, seed=1)


def test_weights_need_bytes_and_memory(monkeypatch):
    with pytest.raises(ValueError, match="at least one byte"):
        place(0)
    with pytest.raises(MemoryError):
        place(1 << 62)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(timing, "load_extension", lambda: SimpleNamespace(PlacedWeights=full))
    with pytest.raises(EnvironmentLacks, match="no memory for 9 MiB of weights: time fewer rows"):
        time_jobs([job(rows=1 << 16)], 1, seed=1)
    monkeypatch.setattr(timing, "available_bytes", lambda: 1 << 23)
    with pytest.raises(EnvironmentLacks, match="no memory for 9 MiB"):
        time_jobs([job(rows=1 << 16)], 1, seed=1)


def test_the_unit_is_ns_for_256_weights_of_all_threads_and_one_column():
    one = job(rows=4, length=512, cpus=(0, 1), columns=2)
    assert (one.threads, one.weights, one.weight_bytes) == (2, 4096, 4096 // 32 * 18)
    assert one.ns_per_256(32e-9) == pytest.approx(1.0)


@pytest.fixture
def recorded(monkeypatch):
    """Replace the clock: a sample takes as many seconds as its job has rows."""
    order = []

    def fake(*, rows, warm, **_):
        assert warm == (rows != 3)
        order.append(rows)
        return [float(rows)]

    native = SimpleNamespace(PlacedWeights=_native.PlacedWeights, time_kernel=fake)
    monkeypatch.setattr(timing, "load_extension", lambda: native)
    return order


def test_every_round_has_every_job_in_an_order_of_its_own(recorded):
    jobs = [job(rows=n, warm=n != 3) for n in range(1, 6)]
    taken = time_jobs(jobs, 20, seed=3)
    assert list(taken) == jobs
    for one in jobs:
        assert taken[one] == (one.ns_per_256(one.rows),) * 20
    assert recorded[:5] == [1, 2, 3, 4, 5]  # unmeasured
    rounds = [tuple(recorded[i : i + 5]) for i in range(5, 105, 5)]
    assert len(recorded) == 105
    assert all(sorted(r) == [1, 2, 3, 4, 5] for r in rounds)
    assert len(set(rounds)) > 10
    first = list(recorded)
    recorded.clear()
    time_jobs(jobs, 20, seed=3)
    assert recorded == first
    recorded.clear()
    time_jobs(jobs, 20, seed=4)
    assert recorded != first


def test_the_caller_sees_rounds_and_ends_them(recorded):
    seen = []
    jobs = [job(rows=1), job(rows=2)]
    taken = time_jobs(
        jobs,
        100,
        seed=1,
        on_round=lambda index, samples: seen.append((index, set(samples))),
        should_stop=lambda samples: len(samples[jobs[0]]) == 3,
    )
    assert seen == [(i, set(jobs)) for i in range(3)]
    assert {len(s) for s in taken.values()} == {3}


def test_a_job_that_cannot_run_is_named_and_the_others_go_on(recorded):
    lost = []
    jobs = [job(length=100), job()]
    taken = time_jobs(jobs, 2, seed=1, on_failure=lambda one, error: lost.append((one, error)))
    assert list(taken) == [jobs[1]]
    assert lost[0][0] == jobs[0]
    assert "multiple of 32" in str(lost[0][1])
    with pytest.raises(ValueError, match="multiple of 32"):
        time_jobs(jobs, 2, seed=1)
    with pytest.raises(ValueError, match="only once"):
        time_jobs([job(), job()], 1, seed=1)


def test_a_job_that_cannot_be_run_is_known_before_the_first_round():
    lost = []
    jobs = [job(columns=2), job()]
    taken = time_jobs(jobs, 1, seed=1, on_failure=lambda one, error: lost.append((one, str(error))))
    assert list(taken) == [jobs[1]]
    assert lost == [(jobs[0], "vec_dot has one column")]


class FakeGraph:
    """A product that takes 1 ms for its activations and 1 us for each row, by a clock of its own."""

    now = 0.0
    made = ()
    cpus = ()

    def __init__(self, _library, _kind, _length, rows, _columns, *, repack, threads):
        FakeGraph.made += ((rows, threads),)
        self.rows = rows

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def set_weights(self, weights):
        assert len(weights) == self.rows

    def set_activations(self, _values):
        pass

    def compute(self):
        FakeGraph.now += 1e-3 + 1e-6 * self.rows
        FakeGraph.cpus = tuple(sorted(os.sched_getaffinity(0)))


@pytest.fixture
def product(monkeypatch):
    """Return a MUL_MAT whose time is known."""
    clock = SimpleNamespace(perf_counter=lambda: FakeGraph.now, sleep=lambda _: None)
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(timing, "Graph", FakeGraph)
    monkeypatch.setattr(timing, "load", lambda _: None)
    monkeypatch.setattr(FakeGraph, "made", ())
    return timing.MatMul(format="q4_0", by="ggml:x", library="/nowhere", repack=False)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_product_is_timed_without_the_conversion_of_its_activations(product, threads):
    if len(CPUS) < threads:
        pytest.skip("one CPU only")
    before = os.sched_getaffinity(0)
    one = job(kernel=product, rows=4096, columns=64, cpus=CPUS[:threads])
    samples = time_jobs([one], 3, seed=1)[one]
    assert samples == pytest.approx([one.ns_per_256(1e-6 * 4096 * threads)] * 3)
    assert [made[1] for made in FakeGraph.made] == [threads] * 2
    assert FakeGraph.cpus == CPUS[:threads]
    assert os.sched_getaffinity(0) == before


def test_a_product_of_few_rows_is_refused(product):
    with pytest.raises(ValueError, match="192 rows are too few to tell .*expected 512 or more"):
        time_jobs([job(kernel=product, rows=192, columns=64)], 1, seed=1)


def test_a_product_asks_for_the_memory_that_it_takes_while_it_is_filled(product, monkeypatch):
    one = job(kernel=product, rows=4096, columns=64)
    monkeypatch.setattr(timing, "available_bytes", lambda: 2 * one.weight_bytes)
    with pytest.raises(EnvironmentLacks, match="no memory for 1 MiB"):
        time_jobs([one], 1, seed=1)
    monkeypatch.setattr(timing, "available_bytes", lambda: 3 * one.weight_bytes)
    assert time_jobs([one], 1, seed=1)


def test_every_shape_is_timed():
    kernels = [choose("q4_K", shape) for shape in ("vec_dot", "gemv", "gemm")]
    jobs = [
        job(kernel=k, rows=19, columns=5 if k.shape == "gemm" else 1, huge_pages=True)
        for k in kernels
    ]
    for samples in time_jobs(jobs, 2, seed=1).values():
        assert len(samples) == 2
        assert min(samples) > 0
