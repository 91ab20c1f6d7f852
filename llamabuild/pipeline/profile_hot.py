"""Hot functions, the loop of the hottest, and the call paths of a workload, all by sampling."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.errors import LlamabuildError
from llamabuild.inspect.listing import listing
from llamabuild.profiling import (
    first_counted,
    flame_of_call_graph,
    flame_of_chains,
    flame_of_functions,
    hottest_loop,
)
from llamabuild.report.execution_words import is_waiting
from llamabuild.sampling import (
    CannotSample,
    located,
    read_image,
    record,
    record_chains,
    record_with_perf,
    settings,
)
from llamabuild.types.profile import Hot, Loop
from llamabuild.types.proof import FunctionShare

from .execution_join import Finder, functions, is_the_inspected
from .profile_counts import has_cycles
from .watched import DidNotRun

if TYPE_CHECKING:
    from llamabuild.profiling.callgrind import CallGraph
    from llamabuild.sampling import Recording
    from llamabuild.types.inspection import FunctionIsa
    from llamabuild.types.profile import Counters, Flame
    from llamabuild.types.run import Workload

    from .profile_subject import Subject
    from .watched import Watcher

CYCLES, CPU_TIME, CACHE_MISSES = "cycles", "CPU time", "cache misses"
LLC_MISSES = "llc_misses"
Places = Counter[tuple[str, int]]


class Sampled(NamedTuple):
    """Where the time goes, and the cache misses where the machine tells."""

    hot: tuple[Hot, ...]
    loop: Loop


def sampled(subject: Subject, workload: Workload, counters: Counters) -> Sampled:
    """Sample a workload by cycles or a clock, and by last-level misses where they are counted."""
    hot, places = Hot(event=CYCLES, method="", samples=0, reason="not counted"), Places()
    if has_cycles(counters):
        hot, places = _hot(subject, workload, CYCLES, partial(record_with_perf, event="cycles:u"))
    if hot.reason:  # some that may be counted may not be sampled
        hot, places = _hot(subject, workload, CPU_TIME, record)
    found = [hot]
    misses = first_counted(counters.counts).get(LLC_MISSES)
    if misses is not None and hot.event == CYCLES:
        watcher = partial(record_with_perf, event=f"{misses.event}:u")
        found.append(_hot(subject, workload, CACHE_MISSES, watcher)[0])
    return Sampled(tuple(found), _loop(subject, hot, places))


def flame(subject: Subject, workload: Workload, hot: Hot, graph: CallGraph | None) -> Flame:
    """Return the call paths by the best method that works here.

    Args:
        subject: What is profiled.
        workload: Which of its workloads.
        hot: Its functions by time.
        graph: Of the simulation, if there was one.
    """
    try:
        seen = subject.watched_long_enough(workload, record_chains)
    except (CannotSample, DidNotRun) as lack:
        reason = f"no call chains: {lack}"
    else:
        inside = [c.frames for c in seen.result.chains if seen.begin_ns <= c.time_ns <= seen.end_ns]
        if len(inside) >= settings().least_samples:
            return flame_of_chains(inside)
        reason = f"only {len(inside)} call chains"
    if graph is not None:
        return flame_of_call_graph(graph, reason=reason)
    return flame_of_functions(hot.functions, hot.event, reason)


def _hot(
    subject: Subject, workload: Workload, event: str, watcher: Watcher[Recording]
) -> tuple[Hot, Places]:
    nothing = Hot(event=event, method="", samples=0)
    try:
        seen = subject.watched_long_enough(workload, watcher)
    except (CannotSample, DidNotRun) as lack:
        return msgspec.structs.replace(nothing, reason=str(lack)), Counter()
    places = located(seen.result, seen.begin_ns, seen.end_ns)
    method = seen.result.method
    if places.total() < settings().least_samples:
        reason = f"only {places.total()} samples by {method}"
        return msgspec.structs.replace(nothing, reason=reason), places
    found = functions(places, subject.arm.inspections, subject.program.parent)
    hot = msgspec.structs.replace(nothing, method=method, samples=places.total(), functions=found)
    return hot, places


class _Place(NamedTuple):
    path: str
    library: str
    address: int


def _loop(subject: Subject, hot: Hot, places: Places) -> Loop:
    """Return the loop of the hottest function whose machine code was inspected."""
    nothing = Loop(function="", library="", event=hot.event, samples=0)
    if hot.reason:
        return msgspec.structs.replace(nothing, reason=f"nothing was sampled: {hot.reason}")
    finders = {each.file: Finder(each) for each in subject.arm.inspections}
    known: dict[_Place, FunctionIsa] = {}
    samples: dict[_Place, Counter[int]] = {}
    for (path, offset), number in places.items():
        library = Path(path).name
        image = read_image(path) if path and library in finders else None
        address = image.address(offset) if image else None
        if address is None or not is_the_inspected(Path(path), subject.program.parent):
            continue
        function = finders[library].at(address)
        if function is None or is_waiting(
            FunctionShare(name=function.name, library=library, share=0.0)
        ):
            continue
        place = _Place(path, library, function.address)
        known[place] = function
        samples.setdefault(place, Counter())[address] += number
    if not samples:
        return msgspec.structs.replace(nothing, reason="no sample lies in inspected code")
    place = max(samples, key=lambda each: (samples[each].total(), each))
    function = known[place]
    named = msgspec.structs.replace(nothing, function=function.name, library=place.library)
    try:
        instructions = listing(
            Path(place.path), subject.machine.cpu.architecture, function.address, function.size
        )
    except LlamabuildError as error:
        return msgspec.structs.replace(named, reason=str(error))
    return hottest_loop(
        instructions,
        samples[place],
        function=function.name,
        library=place.library,
        event=hot.event,
    )
