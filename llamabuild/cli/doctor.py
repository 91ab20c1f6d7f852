"""``doctor``: is this machine fit to build and to measure?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.detect import detect_machine
from llamabuild.machine.doctor import examine, fit_to_build, fit_to_measure

if TYPE_CHECKING:
    from llamabuild.machine.check import Check
    from llamabuild.types.machine import Machine

SCHEMA = "llamabuild.doctor/1"
STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "missing": "bold red"}


@click.command("doctor", short_help="Is this machine fit to build and to measure?")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(as_json: bool) -> None:
    """Say whether this machine is fit to build and to measure, and what to do if not.

    Exits with 5 when something that a build needs is missing.
    """
    machine = detect_machine()
    checks = examine(machine)
    if as_json:
        click.echo(_json(machine, checks))
    else:
        _print(machine, checks)
    if not fit_to_build(checks):
        click.get_current_context().exit(EnvironmentLacks.exit_code)


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
    table = Table(title=Text(f"{machine.cpu.brand}, {machine.operating_system}"))
    for heading in ("check", "", "finding", "what to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        status = Text(check.status, style=STYLES[check.status])
        table.add_row(Text(check.name), status, Text(check.finding), Text(check.remedy))
    console = Console(highlight=False)
    console.print(table)
    build = "fit to build" if fit_to_build(checks) else "not fit to build: see 'missing'"
    measure = "fit to measure" if fit_to_measure(checks) else "noisy: see 'warning'"
    console.print(Text(f"{build}; {measure}"))
