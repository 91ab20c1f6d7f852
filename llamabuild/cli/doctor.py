"""``doctor``: is this machine fit to build and to measure?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from llamabuild.errors import EnvironmentLacks, Inconclusive
from llamabuild.machine.detect import detect_machine
from llamabuild.machine.doctor import examine, fit_to_build, fit_to_measure

from . import options
from .tables import print_table

if TYPE_CHECKING:
    from llamabuild.machine.check import Check
    from llamabuild.types.machine import Machine

SCHEMA = "llamabuild.doctor/1"


@click.command("doctor", short_help="Is this machine fit to build and to measure?")
@click.option(
    "--aa",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Measure the false-positive rate: the baseline against itself, N runs of 12 blocks.",
)
@options.as_json
def command(*, aa: int | None, as_json: bool) -> None:
    """Say whether this machine is fit to build and to measure, and what to do if not.

    Exits with 5 when something that a build needs is missing; with --aa, with 3 when equal
    programs came out different more often than promised.
    """
    if aa is not None:
        _false_positives(aa, as_json=as_json)
        return
    machine = detect_machine()
    checks = examine(machine)
    if as_json:
        click.echo(_json(machine, checks))
    else:
        _print(machine, checks)
    if not fit_to_build(checks):
        click.get_current_context().exit(EnvironmentLacks.exit_code)


def _false_positives(runs: int, *, as_json: bool) -> None:
    """Compare the baseline with itself and say how often that showed a difference."""
    from llamabuild.pipeline.aa import measure_false_positives  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    with observer() as watching:
        found = measure_false_positives(runs, None, watching)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        floors = ", ".join(f"{name} {floor:.1%}" for name, floor in found.floors.items())
        click.echo(
            f"{found.false} of {found.comparisons} comparisons of equal programs showed a "
            f"difference: {found.rate:.1%} [{found.low:.1%}, {found.high:.1%}], promised are at "
            f"most {found.promised:.0%}\nlargest difference of the copy: {floors}"
        )
    if found.low > found.promised:
        message = "equal programs come out different more often than promised"
        raise Inconclusive(message, "stop other programs, or measure on another machine")


def _json(machine: Machine, checks: tuple[Check, ...]) -> str:
    report = {
        "schema": SCHEMA,
        "fit_to_build": fit_to_build(checks),
        "fit_to_measure": fit_to_measure(checks),
        "machine": machine,
        "checks": checks,
    }
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def _print(machine: Machine, checks: tuple[Check, ...]) -> None:
    click.echo(f"{machine.cpu.brand}, {machine.operating_system}")
    print_table(
        ("check", "", "finding", "what to do"),
        [(check.name, check.status, check.finding, check.remedy) for check in checks],
    )
    build = "fit to build" if fit_to_build(checks) else "not fit to build: see 'missing'"
    measure = "fit to measure" if fit_to_measure(checks) else "noisy: see 'warning'"
    click.echo(f"{build}; {measure}")
