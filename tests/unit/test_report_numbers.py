"""Numbers as people read them."""

from __future__ import annotations

import pytest

from llamabuild.report import numbers


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (2.3149, 2.2, 2.4, "2.31× [2.20, 2.40]"),
        (1.0182, 1.0141, 1.0269, "1.018× [1.014, 1.027]"),
        (0.03102, 0.0305, 0.0314, "0.0310× [0.0305, 0.0314]"),
        (0.12994, 0.1291, 0.1307, "0.130× [0.129, 0.131]"),
        (None, None, None, "– "),
    ],
)
def test_ratio_shows_the_digits_that_its_interval_supports(value, low, high, expected):
    shown = f"{numbers.ratio(value, low, high)} {numbers.interval(value, low, high)}"
    assert shown == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1234.56, "1,235"), (103.63, "104"), (22.514, "22.5"), (2.9031, "2.90"), (0.0123, "0.0123"),
     (0, "0"), (None, "–")],
)  # fmt: skip
def test_throughput(value, expected):
    assert numbers.throughput(value) == expected


def test_durations_and_sizes():
    assert numbers.seconds(0.84) == "0.8 s"
    assert numbers.seconds(59.7) == "1 min 00 s"
    assert numbers.seconds(211) == "3 min 31 s"
    assert numbers.size(98_000_000) == "98.0 MB"
    assert numbers.size(0) == "0 B"
    assert numbers.binary_size(49152) == "48 KiB"


def test_small_things():
    assert numbers.small(1.47e-5) == "1.5×10⁻⁵"
    assert numbers.small(0.081) == "0.081"
    assert numbers.percent(0.0001) == "0.01\u00a0%"
    assert numbers.probability(0.0004) == "< 0.001"
    assert numbers.listing(["a", "b", "c"]) == "a, b and c"
    assert numbers.moment("2026-11-22T09:15:00Z") == "2026-11-22 09:15 UTC"
    assert numbers.moment("soon") == "soon"
