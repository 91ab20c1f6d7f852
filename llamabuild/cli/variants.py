"""``variants`` and ``bench``: the main job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks, GateFailed, Inconclusive
from llamabuild.variants.prebuilt import is_prebuilt

from . import options

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from llamabuild.pipeline import Request
    from llamabuild.report.document import Document
    from llamabuild.types.run import Arm, Run

WITH_RESUME = frozenset({"output", "as_json"})
"""Options that concern the report; everything else belongs to the run, which is begun already."""
WHY = {"resume": "the run goes on as it was begun", "show": "it is shown as it was made"}
ABSENT = ("unsupported", "not built")


@click.command("variants")
@options.measuring
@click.option("--dry-run", is_flag=True, help="Show the plan and estimated times, build nothing.")
def variants(*, dry_run: bool, output: Path, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Build, inspect, check and benchmark variants of llama.cpp side by side.

    Without names, the SIMD variants that this machine can run and your own take part. Every variant
    is built once; a second call builds nothing. The report is written to a folder.
    """
    refuse_with_resume(click.get_current_context())
    request = make_request(build_missing=True, **wishes)
    if dry_run:
        from .build import print_plan  # noqa: PLC0415

        print_plan(request, as_json=as_json)
    else:
        run_and_report(request, output, as_json=as_json)


@click.command("bench")
@options.measuring
def bench(*, output: Path, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Measure variants that are already built; others become rows that say so."""
    refuse_with_resume(click.get_current_context())
    run_and_report(make_request(build_missing=False, **wishes), output, as_json=as_json)


def refuse_with_resume(
    context: click.Context, option: str = "resume", heeded: Collection[str] = ()
) -> None:
    """What a resumed run, or one that is only shown, would not heed is an error, not silence."""
    if context.params[option] is None:
        return
    ignored = [
        _word(parameter) if isinstance(parameter, click.Argument) else parameter.opts[0]
        for parameter in context.command.params
        if parameter.name and parameter.name not in {option, *WITH_RESUME, *heeded}
        if _was_given(context, parameter.name)
    ]
    if ignored:
        message = f"{', '.join(ignored)} cannot be used with --{option}"
        msg = f"{message}: {WHY[option]}"
        raise click.UsageError(msg)


def _word(argument: click.Argument) -> str:
    """What the help calls it, without the brackets."""
    return (argument.metavar or argument.name or "").strip("[].").partition(" ")[0].rstrip("].")


def _was_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE and context.params[name] != ()


def make_request(*, workloads: str | None, variants_dirs: tuple[Path, ...], **rest: Any) -> Request:  # noqa: ANN401
    """Return the wishes of a command line."""
    from llamabuild.pipeline import Request  # noqa: PLC0415

    return Request(
        workloads=() if workloads is None else tuple(map(str.strip, workloads.split(","))),
        variants_dirs=options.folders(variants_dirs),
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
        **rest,
    )


def run_and_report(request: Request, output: Path, *, as_json: bool) -> None:
    """Measure, print the result and write the report; exit with what a script must know."""
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
    exit_of(run, material.document)


def exit_of(run: Run, document: Document) -> None:
    """Raise what is the exit code of a finished run: what a script must know, worst first."""
    if any(arm.status == "build failed" for arm in run.arms):
        raise click.exceptions.Exit(BuildFailed.exit_code)
    asked = run.asked or run.command  # runs of before that was stored
    if absent := [a.name for a in run.arms if _asked_for(a, asked) and a.status in ABSENT]:
        message = f"{', '.join(absent)}: not measured"
        raise EnvironmentLacks(message, "the table says what each lacks here")
    broken = any(not e.passed for arm in run.arms for e in arm.expectations)
    failed = any(
        arm.status == "bench failed"
        or (arm.reason and arm.build and arm.status not in {*ABSENT, "bad variant"})
        for arm in run.arms
    )
    if broken or failed:
        raise click.exceptions.Exit(GateFailed.exit_code)
    if wrong := [arm for arm in run.arms if arm.status == "bad variant"]:
        raise BadInput("; ".join(arm.reason for arm in wrong))
    if document.discarded and not document.blocks:
        message = f"all {len(document.discarded)} blocks were disturbed by other programs"
        raise Inconclusive(message, "end them and run it again")
    noisy = [item.workload for item in document.noise if not item.usable]
    if noisy:
        message = f"the copy of the baseline differs from the baseline on {', '.join(noisy)}"
        raise Inconclusive(message, "the machine was too noisy to trust this run; run it again")


def _asked_for(arm: Arm, asked: tuple[str, ...]) -> bool:
    """Prebuilt programs take part only when someone names them, by a path that is not the name."""
    from llamabuild.pipeline.choose import AT  # noqa: PLC0415

    return arm.name.partition(AT)[0] in asked or (
        arm.variant is not None and is_prebuilt(arm.variant.source)
    )
