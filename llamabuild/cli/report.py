"""``llamabuild report``: a stored run in any format."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

FORMATS = ("text", "json", "csv", "md", "html")


@click.command("report")
@click.argument("run", default="latest")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="csv has one row a trial.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write to this file; a folder gets every format, the plots included.",
)
@click.option("--list", "listing", is_flag=True, help="List all stored runs, oldest first.")
def command(run: str, form: str, output: Path | None, listing: bool) -> None:
    """Show a stored RUN: an id, the unique start of one, or 'latest'."""
    if listing:
        _list()
        return
    from llamabuild.report import write  # noqa: PLC0415 - keeps --help quick

    if output is not None and (output.is_dir() or str(output).endswith(os.sep)):
        click.echo(write.write_report(run, output))
    elif output is not None:
        write.write_file(output, write.render(run, form).encode())
        click.echo(output)
    elif form == "text" and sys.stdout.isatty():
        _print(run)
    else:
        click.echo(write.render(run, form), nl=False)


def _list() -> None:
    from llamabuild.report.text import render_runs  # noqa: PLC0415
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open() as results:
        click.echo(render_runs(results.runs()), nl=False)


def _print(run: str) -> None:
    from rich.console import Console  # noqa: PLC0415

    from llamabuild.report.material import load  # noqa: PLC0415
    from llamabuild.report.text import print_text  # noqa: PLC0415

    # Rich leaves colour out by itself under NO_COLOR.
    print_text(load(run).document, Console())
