"""``variants`` and ``bench``: the main job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks, GateFailed, Inconclusive

from . import options

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.pipeline import Request
    from llamabuild.report.document import Document
    from llamabuild.types.run import Run

ABSENT = ("unsupported", "not built")


@click.command("variants")
@options.measuring
@click.option("--dry-run", is_flag=True, help="Show the plan and estimated times, build nothing.")
def variants(*, dry_run: bool, output: Path, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Build, inspect, check and benchmark variants of llama.cpp side by side.

    Without names, all variants that this machine can run take part. Every variant is built
    once; a second call builds nothing. The report is written to a folder.
    """
    request = _request(build_missing=True, **wishes)
    if dry_run:
        from .build import print_plan  # noqa: PLC0415

        print_plan(request, as_json=as_json)
    else:
        _run(request, output, as_json=as_json)


@click.command("bench")
@options.measuring
def bench(*, output: Path, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Measure variants that are already built; others become rows that say so."""
    _run(_request(build_missing=False, **wishes), output, as_json=as_json)


def _request(*, workloads: str | None, variants_dirs: tuple[Path, ...], **rest: Any) -> Request:  # noqa: ANN401
    from llamabuild.pipeline import Request  # noqa: PLC0415

    return Request(
        workloads=tuple(name for name in (workloads or "").split(",") if name),
        variants_dirs=options.folders(variants_dirs),
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
        **rest,
    )


def _run(request: Request, output: Path, *, as_json: bool) -> None:
    from llamabuild.pipeline import run_variants  # noqa: PLC0415
    from llamabuild.report.material import load  # noqa: PLC0415
    from llamabuild.report.text import render_text  # noqa: PLC0415
    from llamabuild.report.write import render_json, write_material  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    with observer() as watching:
        run = run_variants(request, watching)
    material = load(run.id)
    page = write_material(material, output / run.id)
    render = render_json if as_json else render_text
    click.echo(render(material.document), nl=False)
    click.echo(f"report: {page}", err=True)
    click.echo(f"again:  python -m llamabuild report {run.id}", err=True)
    _exit(run, material.document, request.names)


def _exit(run: Run, document: Document, asked: tuple[str, ...]) -> None:
    """The exit code of a finished run: what a script must know, worst first."""
    if any(arm.status == "build failed" for arm in run.arms):
        raise click.exceptions.Exit(BuildFailed.exit_code)
    if absent := [a.name for a in run.arms if a.name in asked and a.status in ABSENT]:
        message = f"{', '.join(absent)}: not measured"
        raise EnvironmentLacks(message, "the table says what each lacks here")
    broken = any(not e.passed for arm in run.arms for e in arm.expectations)
    failed = any(arm.status == "bench failed" or (arm.reason and arm.build) for arm in run.arms)
    if broken or failed:
        raise click.exceptions.Exit(GateFailed.exit_code)
    if wrong := [arm for arm in run.arms if arm.status == "bad variant"]:
        raise BadInput("; ".join(arm.reason for arm in wrong))
    noisy = [item.workload for item in document.noise if not item.usable]
    if noisy:
        message = f"the copy of the baseline differs from the baseline on {', '.join(noisy)}"
        raise Inconclusive(message, "the machine was too noisy to trust this run; run it again")
