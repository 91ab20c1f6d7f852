"""The best method of sampling that works here and for this program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .perf import record_with_perf
from .preload import record_preloaded
from .recording import CannotSample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .recording import Recording


def record(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    threads: int,
    timeout_seconds: float,
    launcher: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
) -> Recording:
    """Run a program under perf, or else under the preloaded sampler.

    Arguments as :func:`~.perf.record_with_perf`. A program that fails is not run again: its
    recording has no samples.

    Raises:
        CannotSample: Neither works; says why.
    """
    try:
        return record_with_perf(
            argv,
            environment=environment,
            threads=threads,
            timeout_seconds=timeout_seconds,
            launcher=launcher,
            on_line=on_line,
        )
    except CannotSample as perf_lack:
        try:
            return record_preloaded(
                argv,
                environment=environment,
                timeout_seconds=timeout_seconds,
                launcher=launcher,
                on_line=on_line,
            )
        except CannotSample as lack:
            message = f"{perf_lack}; {lack}"
            raise CannotSample(message) from lack
