"""Samples until their median has settled, within bounded time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf, sqrt
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SETTLED = 0.02
"""Half of the median's interval over the median."""
FEWEST, MOST = 7, 400
MANY = 0.1
"""Part of the samples from which on disturbed ones are worth a word."""
SAMPLE_SECONDS = 0.001
"""Short against a scheduler's time slice, so that another process spoils few samples; long
against the start of the threads."""
TRIES = 4
MOST_PASSES = 10**9
CALL_SECONDS = 0.1
"""A call into the extension module can't be interrupted."""
OVERTIME = 2
"""Times the allowed seconds after which even fewer than FEWEST samples must do."""
NORMAL_975 = 1.96


class Run(Protocol):
    """Time ``passes`` passes, ``samples`` times, in seconds each."""

    def __call__(self, passes: int, samples: int, *, warm: bool) -> Sequence[tuple[float, bool]]:
        """Return the seconds of each sample, and whether it was undisturbed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What was sampled."""

    seconds: tuple[float, ...]
    """Of one pass, in the order of measuring."""
    settled: bool
    disturbed: int
    """Samples during which another process had one of the CPUs."""
    left_out: bool
    """Those are not in ``seconds``: there were enough others."""

    @property
    def note(self) -> str:
        """What a reader must know of disturbed samples; empty where there are few."""
        every = len(self.seconds) + (self.disturbed if self.left_out else 0)
        if self.disturbed <= MANY * every:
            return ""
        if not self.left_out:
            return f"other processes ran during {self.disturbed} of {every} samples"
        return f"left out {self.disturbed} of {every} samples: other processes ran"


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return a quantile of sorted numbers, interpolated linearly (type 7 of Hyndman and Fan, 1996).

    Raises:
        ValueError: There are no numbers.
    """
    if not ordered:
        message = "no numbers have no quantile"
        raise ValueError(message)
    place = part * (len(ordered) - 1)
    below, above = ordered[floor(place)], ordered[ceil(place)]
    return below + (above - below) * (place - floor(place))


def median_is_settled(values: Sequence[float]) -> bool:
    """Tell whether the median is known to SETTLED.

    Half of its distribution-free 95 % interval over the median; the interval's ranks are
    n/2 ± 1.96 √n/2, the normal approximation of the binomial (Conover, Practical Nonparametric
    Statistics, section 3.2).
    """
    if len(values) < FEWEST:
        return False
    ordered = sorted(values)
    n = len(ordered)
    reach = NORMAL_975 * sqrt(n) / 2
    low = ordered[max(0, floor(n / 2 - reach))]
    high = ordered[min(n - 1, ceil(n / 2 + reach))]
    return high - low <= 2 * SETTLED * quantile(ordered, 0.5)


def collect(
    run: Run,
    *,
    seconds: float,
    warm: bool,
    should_stop: Callable[[], bool],
    clock: Callable[[], float] = monotonic,
) -> Samples | None:
    """Return samples; None if it was stopped.

    Stops at the first call of ``run`` after which the median has settled, or after ``seconds``.
    Disturbed samples are left out, by that alone and whatever their times, unless too few remain.

    Args:
        run: Does the work.
        seconds: How long, at most; exceeded if it takes that to get FEWEST samples.
        warm: Pass over the memory once before each call.
        should_stop: Asked between calls.
        clock: Seconds from any start.
    """
    start = clock()
    passes, sample = _passes(run, warm=warm)
    batch = max(1, min(20, int(CALL_SECONDS / max(sample, 1e-9))))
    alone: list[float] = []
    every: list[float] = []
    while not should_stop():
        batch_samples = run(passes, batch, warm=warm)
        every += [time / passes for time, _ in batch_samples]
        alone += [time / passes for time, undisturbed in batch_samples if undisturbed]
        settled = median_is_settled(alone)
        spent = clock() - start
        enough = len(alone) >= FEWEST and spent >= seconds
        if settled or enough or spent >= OVERTIME * seconds or len(every) >= MOST:
            left_out = len(alone) >= FEWEST
            return Samples(
                seconds=tuple(alone if left_out else every),
                settled=settled,
                disturbed=len(every) - len(alone),
                left_out=left_out,
            )
    return None


def _passes(run: Run, *, warm: bool) -> tuple[int, float]:
    """Return how many passes make a sample, and how long it then takes."""
    passes = 1
    while True:
        sample = _shortest(run, passes, warm=warm)
        if sample >= SAMPLE_SECONDS / 2 or passes >= MOST_PASSES:
            return passes, sample
        # At most a hundred times more at once: the first sample of all can be far off.
        passes = min(100 * passes, ceil(passes * SAMPLE_SECONDS / max(sample, 1e-9)))


def _shortest(run: Run, passes: int, *, warm: bool) -> float:
    """Return the seconds of a sample, the shortest of a few where the first was disturbed.

    One that was interrupted would make all that follow far too short.
    """
    shortest = inf
    for _ in range(TRIES):
        ((seconds, undisturbed),) = run(passes, 1, warm=warm)
        shortest = min(shortest, seconds)
        if undisturbed or shortest < SAMPLE_SECONDS / 2:
            break
    return shortest
