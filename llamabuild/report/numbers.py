"""How numbers are written for people: few digits, always with their unit."""

from __future__ import annotations

import math
from datetime import UTC, datetime

MISSING = "–"
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")
_COUNT_UNITS = ("", " K", " M", " G", " T", " P")
_SMALL = 0.001
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def finite(value: float | None) -> float | None:
    """Return the value, or None where it is NaN or infinite (JSON has neither)."""
    return value if value is not None and math.isfinite(value) else None


def throughput(value: float | None) -> str:
    """Write tokens per second with three to four significant digits."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    decimals = max(0, min(4, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{decimals}f}"


def ratio(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Write a ratio with as many decimals as its interval supports (two to four)."""
    return MISSING if value is None else f"{value:.{_decimals(value, low, high)}f}×"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Write ``[low, high]`` with the decimals of the ratio that it belongs to."""
    if value is None or low is None or high is None:
        return ""
    decimals = _decimals(value, low, high)
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Write ``1.02× [0.95, 1.10]``, without the interval where there is none."""
    return f"{ratio(value, low, high)} {interval(value, low, high)}".rstrip()


def percent(fraction: float | None, decimals: int | None = None) -> str:
    """Write a fraction as a percentage; below 0.1 % with a second decimal unless told."""
    if fraction is None:
        return MISSING
    if decimals is None:
        decimals = 2 if 0 < abs(fraction) < _SMALL else 1
    return f"{fraction * 100:.{decimals}f}\u00a0%"


def part(fraction: float | None) -> str:
    """Write a share of a bound: whole per cent, a decimal below 10 %."""
    few = fraction is not None and fraction < 0.0995  # noqa: PLR2004 - two digits say enough
    return percent(fraction, 1 if few else 0)


def whole(fraction: float) -> str:
    """Write a share in whole per cent, where its own noise is larger than that."""
    return f"{fraction:.0%}".replace("%", " %")


def wholes(low: float, high: float) -> str:
    """Write the smallest and the largest of several shares: ``70 to 74 %``."""
    first, last = whole(low), whole(high)
    return last if first == last else f"{first.removesuffix(' %')} to {last}"


def probability(value: float | None) -> str:
    """Write a p-value."""
    if value is None:
        return MISSING
    return "< 0.001" if value < _SMALL else f"{value:.3f}"


def small(value: float | None) -> str:
    """Write a small positive quantity such as a divergence, with two significant digits."""
    if value is None:
        return MISSING
    if value == 0 or abs(value) >= _SMALL:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def size(value: float | None) -> str:
    """Write bytes in decimal units."""
    if value is None:
        return MISSING
    scaled, power, decimals = _scaled(value, len(_BYTE_UNITS))
    return f"{scaled:.{decimals}f} {_BYTE_UNITS[power]}"


def operations(value: float | None) -> str:
    """Write a number of operations, or operations per second, such as ``269 M``."""
    if value is None:
        return MISSING
    scaled, power, decimals = _scaled(value, len(_COUNT_UNITS))
    return f"{scaled:.{decimals}f}{_COUNT_UNITS[power]}"


def binary_size(value: int) -> str:
    """Write bytes in binary units, as caches and memory are sold."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024**power:
            return f"{value / 1024**power:.4g} {unit}"
    return f"{value} B"


def seconds(value: float | None) -> str:
    """Write a duration: ``0.8 s``, ``34 s`` or ``3 min 31 s``."""
    if value is None:
        return MISSING
    if value < 9.95:  # noqa: PLR2004 - below this a decimal still says something
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def moment(iso: str) -> str:
    """Write an ISO 8601 time to the minute, in UTC."""
    try:
        when = datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return iso
    return when.strftime("%Y-%m-%d %H:%M UTC")


def sentence(text: str) -> str:
    """Return a clause with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def count(number: int, noun: str, plural: str = "") -> str:
    """Write ``1 block`` or ``12 blocks``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(items: list[str], last: str = "and") -> str:
    """Write ``a``, ``a and b`` or ``a, b and c``."""
    if len(items) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def _scaled(value: float, units: int) -> tuple[float, int, int]:
    """Return the value in its unit, the unit's power of a thousand, and its decimals."""
    power = 0 if value < 1 else min(units - 1, int(math.log10(value) // 3))
    scaled = value / 1000**power
    return scaled, power, 0 if power == 0 or scaled >= 100 else 1  # noqa: PLR2004 - three digits


def _decimals(value: float, low: float | None, high: float | None) -> int:
    width = (high - low) if low is not None and high is not None else abs(value)
    if not math.isfinite(width) or width <= 0:
        return 2
    if abs(value - 1) < 0.1:  # noqa: PLR2004 - here small differences decide the verdict
        width /= 2
    most = 4 if abs(value) < 0.1 else 3  # noqa: PLR2004 - three significant digits are enough
    return max(2, min(most, math.ceil(-math.log10(width))))
