"""``kernels`` from beginning to end: the clock, the probes, then group after group of kernels."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from llamabuild import __version__
from llamabuild.errors import Interrupted
from llamabuild.interrupts import Terminated, graceful_interrupts
from llamabuild.machine.detect import detect_machine
from llamabuild.probes import calibrate_clock, measure_probes
from llamabuild.store.locks import cache_in_use, measurement_lock
from llamabuild.store.results import Results
from llamabuild.types.kernels import KernelRun

from .kernels_beside import read_beside
from .kernels_check import Checker
from .kernels_measure import measure_group
from .kernels_plan import make_plan, probe_budget
from .kernels_request import checked_wish
from .kernels_rows import LEVEL, Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.kernels.plan import Group
    from llamabuild.types.kernels import Probe

    from .kernels_observer import KernelObserver
    from .kernels_plan import KernelPlan
    from .kernels_request import KernelRequest

SEED_BITS = 32


def plan_kernels(request: KernelRequest) -> KernelPlan:
    """Return what would be measured, and how long that takes.

    Raises:
        BadInput: An unknown name, or a number that this machine doesn't have.
        EnvironmentLacks: This CPU can't run an instruction set that was asked for.
    """
    machine = detect_machine()
    return make_plan(request, checked_wish(request, machine), machine)


def run_kernels(request: KernelRequest, observer: KernelObserver) -> KernelRun:
    """Measure; return the stored run.

    Raises:
        LlamabuildError: Bad input, another measurement on this machine, or Ctrl-C; what was
            finished until then is stored.
    """
    machine = detect_machine()
    wish = checked_wish(request, machine)
    with (
        measurement_lock(),
        cache_in_use(),
        Results.open() as results,
        graceful_interrupts(observer.stopping) as interrupts,
    ):
        results.settle_running("")  # killed: whoever runs now holds the machine's lock
        begun = monotonic()
        plan = make_plan(request, wish, machine)
        started = datetime.now(UTC)
        run = KernelRun(
            id=f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            started=started.isoformat(timespec="seconds"),
            finished="",
            status="running",
            command=request.command,
            version=__version__,
            quick=request.quick,
            seed=secrets.randbits(SEED_BITS) if request.seed is None else request.seed,
            rounds=wish.rounds,
            level=LEVEL,
            threads=wish.threads,
            machine=machine,
            clock=None,
            libraries=plan.libraries,
            kernels=plan.absent,
            notes=plan.notes,
        )
        keeper = _Keeper(run, results)
        keeper.save()
        try:
            _measure(plan, request, keeper, observer, (begun, lambda: interrupts.requested))
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt | Interrupted | Terminated)
            keeper.close("interrupted" if interrupted else "failed")
            raise
        keeper.close("interrupted" if interrupts.requested else "done")
        observer.finished(keeper.run)
    if interrupts.requested:
        message = f"kernel run {keeper.run.id} is stored up to its last group"
        raise Interrupted(message, "the same command measures anew")
    return keeper.run


class _Keeper:
    """The run as it grows, on disk after every step."""

    def __init__(self, run: KernelRun, results: Results) -> None:
        self.run = run
        self._results = results

    def save(self, **changes: object) -> None:
        self.run = msgspec.structs.replace(self.run, **changes)
        self._results.save_kernel_run(self.run)

    def note(self, message: str) -> None:
        self.save(notes=(*self.run.notes, message))

    def close(self, status: str) -> None:
        self.save(status=status, finished=datetime.now(UTC).isoformat(timespec="seconds"))


def _measure(
    plan: KernelPlan,
    request: KernelRequest,
    keeper: _Keeper,
    observer: KernelObserver,
    control: tuple[float, Callable[[], bool]],
) -> None:
    begun, should_stop = control
    run = keeper.run
    observer.started(run, plan.probes, len(plan.groups), plan.seconds)
    clock = calibrate_clock(run.machine)
    keeper.save(clock=clock)
    observer.clock(clock)
    if request.probes and not should_stop():
        _probe(plan, request, keeper, observer, should_stop)
    checker = Checker()
    context = Context(clock=clock, probes=keeper.run.probes)
    until = begun + request.limit_seconds
    left_out = []
    for index, group in enumerate(plan.groups):
        if should_stop():
            break
        if monotonic() + group.seconds > until:
            left_out.append(group.title)
            continue
        left = sum(each.seconds for each in plan.groups[index:])
        observer.group_started(group.title, index + 1, len(plan.groups), left)

        def read(group: Group = group) -> tuple[Probe, ...]:
            return read_beside(run.machine, group, should_stop) if request.probes else ()

        rows, beside = measure_group(
            group,
            rounds=run.rounds,
            seed=run.seed + index,
            checker=checker,
            context=context,
            read=read,
            should_stop=should_stop,
            until=until,
        )
        keeper.save(kernels=(*keeper.run.kernels, *rows), probes=(*keeper.run.probes, *beside))
        observer.group(rows)
    if left_out:
        keeper.note(f"the time was over before: {'; '.join(left_out)}")


def _probe(
    plan: KernelPlan,
    request: KernelRequest,
    keeper: _Keeper,
    observer: KernelObserver,
    should_stop: Callable[[], bool],
) -> None:
    def tell(probe: Probe, number: int, total: int) -> None:
        observer.probe(probe, number, total)

    def note(message: str) -> None:
        observer.note(message)
        keeper.note(message)

    probes = measure_probes(
        keeper.run.machine,
        threads=plan.wish.threads,
        quick=keeper.run.quick,
        on_probe=tell,
        should_stop=should_stop,
        on_note=note,
        budget=probe_budget(request),
    )
    keeper.save(probes=probes)
