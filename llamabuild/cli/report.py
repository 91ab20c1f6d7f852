"""``llamabuild report``: a stored run in any format."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.report.kind import Kind

FORMATS = ("text", "json", "csv", "md", "html")


@click.command("report")
@click.argument("run", default="latest")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="csv has one row a trial, or a kernel.",
)
@click.option(
    "--output",
    type=click.Path(),  # a Path has no slash at its end, by which a new folder is told
    help="Write to this file; a folder, or NAME/ with a slash, gets every format and the plots.",
)
@click.option("--list", "listing", is_flag=True, help="List all stored runs, oldest first.")
@options.as_json
def command(*, run: str, form: str, output: str | None, listing: bool, as_json: bool) -> None:
    """Show a stored RUN: an id, the unique start of one, or 'latest'.

    The id of a run of kernels, a profile, an optimization or a lab works, too; 'latest' is the
    latest run of variants. --json is the same as --format json; with --list it lists the runs as
    one object.
    """
    if listing:
        _list(as_json=as_json)
        return
    form = "json" if as_json else form
    from llamabuild.report.kind import kind_of  # noqa: PLC0415
    from llamabuild.report.write import write_file  # noqa: PLC0415

    kind = kind_of(run)
    render, fill = _forms(kind)
    if output is not None and _is_folder(output):
        click.echo(fill(run, Path(output)))
    elif output is not None:
        write_file(Path(output), render(run, form).encode())
        click.echo(output)
    elif form == "text" and kind == "kernels":
        _print_kernels(run)
    elif form == "text" and kind == "variants" and sys.stdout.isatty():
        _print(run)
    else:
        click.echo(render(run, form), nl=False)


def _forms(kind: Kind) -> tuple[Callable[[str, str], str], Callable[[str, Path], Path]]:
    """Return what renders a run of this kind in a format, and what fills a folder with all."""
    if kind == "lab":
        from llamabuild.report.lab.write import render_lab, write_stored_lab  # noqa: PLC0415

        return render_lab, write_stored_lab
    if kind == "optimization":
        from llamabuild.report import optimize_write  # noqa: PLC0415

        return optimize_write.render_optimization, optimize_write.write_optimization
    if kind == "profile":
        from llamabuild.report import profile_write  # noqa: PLC0415

        return profile_write.render_stored_profile, profile_write.write_stored_profile
    if kind == "kernels":
        from llamabuild.report import kernel_write  # noqa: PLC0415

        # A terminal's table is no file: Markdown says the same.
        return (
            lambda run, form: kernel_write.render_kernels(run, "md" if form == "text" else form),
            kernel_write.write_kernels_report,
        )
    from llamabuild.report import write  # noqa: PLC0415

    return write.render, write.write_report


def _is_folder(output: str) -> bool:
    return Path(output).is_dir() or output.endswith(os.sep)


def _list(*, as_json: bool) -> None:
    from llamabuild.report.listing import runs_document  # noqa: PLC0415
    from llamabuild.report.text import render_kernel_runs, render_runs  # noqa: PLC0415
    from llamabuild.report.write import render_json  # noqa: PLC0415
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open() as results:
        runs, kernel_runs = results.runs(), results.kernel_runs()
        profiles = results.profile_runs()
        optimizations, labs = results.optimizations(), results.labs()
    if as_json:
        document = runs_document(runs, kernel_runs, profiles, optimizations, labs)
        click.echo(render_json(document), nl=False)
        return
    click.echo(render_runs(runs), nl=False)
    if kernel_runs:
        click.echo("\nruns of kernels:")
        click.echo(render_kernel_runs(kernel_runs), nl=False)
    if profiles:
        click.echo("\nprofiles:")
    for run in profiles:
        click.echo(f"{run.id}  {run.status}  {run.variant}, {run.model.name}")
    if optimizations:
        click.echo("\noptimizations:")
    for each in optimizations:
        click.echo(f"{each.id}  {each.status}  {each.base} for {each.goal}, {each.model.name}")
    if labs:
        click.echo("\nlabs:")
    for lab in labs:
        names = ", ".join(model.name for model in lab.models)
        click.echo(f"{lab.id}  {lab.status}  {lab.base}, {names}")


def _print_kernels(run: str) -> None:
    from llamabuild.store.results import Results  # noqa: PLC0415

    from .kernels_table import print_run  # noqa: PLC0415

    with Results.open() as results:
        print_run(results.kernel_run(run))


def _print(run: str) -> None:
    from rich.console import Console  # noqa: PLC0415

    from llamabuild.report.material import load  # noqa: PLC0415
    from llamabuild.report.text import print_text  # noqa: PLC0415

    # Rich leaves colour out by itself under NO_COLOR.
    print_text(load(run).document, Console())
