"""What the hardware does while a program runs: counters, a loop's instructions, simulated caches.

Each file is one way of looking or one step from what a tool writes to what can be said about it;
:mod:`llamabuild.pipeline.profile` puts them together.
"""

from .annotate import hottest_loop
from .bound import COUNTERS, SIMULATION, rate_opinions, roofline_opinion, verdict
from .caches import in_words, simulated_caches
from .counters import CannotCount, count, difference, events_of, uncore_events, usable_events
from .rates import counted_rates, first_counted, simulated_rates
from .stacks import flame_of_call_graph, flame_of_chains, flame_of_functions
from .valgrind import (
    CannotSimulate,
    TookTooLong,
    find_valgrind,
    refused_groups,
    simulate,
    simulated_counts,
    simulated_functions,
)

__all__ = [
    "COUNTERS",
    "SIMULATION",
    "CannotCount",
    "CannotSimulate",
    "TookTooLong",
    "count",
    "counted_rates",
    "difference",
    "events_of",
    "find_valgrind",
    "first_counted",
    "flame_of_call_graph",
    "flame_of_chains",
    "flame_of_functions",
    "hottest_loop",
    "in_words",
    "rate_opinions",
    "refused_groups",
    "roofline_opinion",
    "simulate",
    "simulated_caches",
    "simulated_counts",
    "simulated_functions",
    "simulated_rates",
    "uncore_events",
    "usable_events",
    "verdict",
]
