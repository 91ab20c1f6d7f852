"""``llamabuild report``: a stored run in any format."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from . import options

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
    type=click.Path(path_type=Path),
    help="Write to this file; a folder gets every format, the plots included.",
)
@click.option("--list", "listing", is_flag=True, help="List all stored runs, oldest first.")
@options.as_json
def command(*, run: str, form: str, output: Path | None, listing: bool, as_json: bool) -> None:
    """Show a stored RUN: an id, the unique start of one, or 'latest'.

    The id of a run of kernels, an optimization or a lab works, too; 'latest' is the latest run of
    variants. --json is the same as --format json; with --list it lists the runs as one object.
    """
    if listing:
        _list(as_json=as_json)
        return
    form = "json" if as_json else form
    from llamabuild.report.kind import is_kernel_run, is_lab, is_optimization  # noqa: PLC0415

    if is_lab(run):
        _lab(run, form, output)
        return
    if is_optimization(run):
        _optimization(run, form, output)
        return
    if is_kernel_run(run):
        _kernels(run, form, output)
        return
    from llamabuild.report import write  # noqa: PLC0415

    if output is not None and _is_folder(output):
        click.echo(write.write_report(run, output))
    elif output is not None:
        write.write_file(output, write.render(run, form).encode())
        click.echo(output)
    elif form == "text" and sys.stdout.isatty():
        _print(run)
    else:
        click.echo(write.render(run, form), nl=False)


def _kernels(run: str, form: str, output: Path | None) -> None:
    from llamabuild.report import kernel_write, write  # noqa: PLC0415

    if output is not None and _is_folder(output):
        click.echo(kernel_write.write_kernels_report(run, output))
    elif output is not None:
        # A terminal's table is no file: Markdown says the same.
        text = kernel_write.render_kernels(run, "md" if form == "text" else form)
        write.write_file(output, text.encode())
        click.echo(output)
    elif form == "text":
        from llamabuild.store.results import Results  # noqa: PLC0415

        from .kernels_table import print_run  # noqa: PLC0415

        with Results.open() as results:
            print_run(results.kernel_run(run))
    else:
        click.echo(kernel_write.render_kernels(run, form), nl=False)


def _optimization(run: str, form: str, output: Path | None) -> None:
    from llamabuild.report import optimize_write, write  # noqa: PLC0415

    if output is not None and _is_folder(output):
        click.echo(optimize_write.write_optimization(run, output))
    elif output is not None:
        write.write_file(output, optimize_write.render_optimization(run, form).encode())
        click.echo(output)
    else:
        click.echo(optimize_write.render_optimization(run, form), nl=False)


def _lab(lab: str, form: str, output: Path | None) -> None:
    from llamabuild.report.lab.assemble import lab_document  # noqa: PLC0415
    from llamabuild.report.lab.material import load_lab  # noqa: PLC0415
    from llamabuild.report.lab.write import render_lab, write_lab  # noqa: PLC0415
    from llamabuild.report.write import write_file  # noqa: PLC0415

    if output is not None and _is_folder(output):
        material = load_lab(lab)
        click.echo(write_lab(material, lab_document(material), output))
    elif output is not None:
        write_file(output, render_lab(lab, form).encode())
        click.echo(output)
    else:
        click.echo(render_lab(lab, form), nl=False)


def _is_folder(output: Path) -> bool:
    return output.is_dir() or str(output).endswith(os.sep)


def _list(*, as_json: bool) -> None:
    from llamabuild.report.listing import runs_document  # noqa: PLC0415
    from llamabuild.report.text import render_kernel_runs, render_runs  # noqa: PLC0415
    from llamabuild.report.write import render_json  # noqa: PLC0415
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open() as results:
        runs, kernel_runs = results.runs(), results.kernel_runs()
        optimizations, labs = results.optimizations(), results.labs()
    if as_json:
        click.echo(render_json(runs_document(runs, kernel_runs, optimizations, labs)), nl=False)
        return
    click.echo(render_runs(runs), nl=False)
    if kernel_runs:
        click.echo("\nruns of kernels:")
        click.echo(render_kernel_runs(kernel_runs), nl=False)
    if optimizations:
        click.echo("\noptimizations:")
    for each in optimizations:
        click.echo(f"{each.id}  {each.status}  {each.base} for {each.goal}, {each.model.name}")
    if labs:
        click.echo("\nlabs:")
    for lab in labs:
        names = ", ".join(model.name for model in lab.models)
        click.echo(f"{lab.id}  {lab.status}  {lab.base}, {names}")


def _print(run: str) -> None:
    from rich.console import Console  # noqa: PLC0415

    from llamabuild.report.material import load  # noqa: PLC0415
    from llamabuild.report.text import print_text  # noqa: PLC0415

    # Rich leaves colour out by itself under NO_COLOR.
    print_text(load(run).document, Console())
