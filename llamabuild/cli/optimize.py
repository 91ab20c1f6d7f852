"""``llamabuild optimize``: the fastest configuration, with the proof and what carries it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from llamabuild.errors import Inconclusive

from . import options
from .durations import Duration
from .variants import refuse_with_resume

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.pipeline.optimize import Prepared, Wishes


@click.command("optimize")
@click.option("--target", type=float, default=1.3, show_default=True, help="Ratio to reach.")
@options.goal
@click.option(
    "--budget",
    type=Duration(),
    default="30m",
    show_default=True,
    help="Time for all, building included.",
)
@options.base
@options.model
@options.source
@click.option("--workloads", metavar="LIST", help="Such as pp512,tg64.")
@click.option("--threads", type=click.IntRange(1, 4096), help="[default: physical cores]")
@click.option(
    "--allow-kv-quality",
    "kv_quality",
    type=click.FloatRange(0, 10),
    metavar="NATS",
    help="Search types of the KV cache that cost at most so much (mean KL divergence).",
)
@click.option(
    "--allow-quantization",
    "weights_quality",
    type=click.FloatRange(0, 10),
    metavar="NATS",
    help="Search formats of the weights that cost at most so much (mean KL divergence).",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the search  [default: random]")
@click.option("--resume", metavar="ID", help="Go on with an interrupted one ('latest' works).")
@click.option("--dry-run", is_flag=True, help="Show levers, builds and time; build nothing.")
@options.variants_dir
@options.output
@options.as_json
def command(
    *,
    resume: str | None,
    dry_run: bool,
    output: Path,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Search the fastest configuration, starting from a baseline.

    Every lever is tried by itself, then combinations, side by side; what looked best is confirmed
    change by change on fresh blocks. The report has the log, and files that carry the result.
    """
    from llamabuild.pipeline import optimize as pipeline  # noqa: PLC0415 - keeps --help quick

    from .live_optimize import optimize_observer  # noqa: PLC0415

    refuse_with_resume(click.get_current_context(), heeded=("variants_dirs",))
    with optimize_observer() as watching:
        if dry_run:
            _show(pipeline.outlook(_wishes(**wishes), watching), as_json=as_json)
            return
        if resume:
            folders = options.folders(wishes["variants_dirs"])
            record = pipeline.resume(resume, watching, folders)
        else:
            record = pipeline.optimize(_wishes(**wishes), watching)
    _report(record.id, output, as_json=as_json)


def _wishes(
    *,
    budget: float,
    workloads: str | None,
    variants_dirs: tuple[Path, ...],
    **rest: Any,  # noqa: ANN401
) -> Wishes:
    from llamabuild.pipeline.optimize import Wishes  # noqa: PLC0415

    return Wishes(
        budget_seconds=budget,
        workloads=tuple(map(str.strip, workloads.split(","))) if workloads else (),
        variants_dirs=options.folders(variants_dirs),
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
        **rest,
    )


def _report(record_id: str, output: Path, *, as_json: bool) -> None:
    from llamabuild.report.optimize_material import load_optimization  # noqa: PLC0415
    from llamabuild.report.optimize_write import FORMATS, write_optimization  # noqa: PLC0415

    page = write_optimization(record_id, output / record_id)
    material = load_optimization(record_id)
    click.echo(FORMATS["json" if as_json else "text"](material), nl=False)
    click.echo(f"report: {page}", err=True)
    click.echo(f"again:  python -m llamabuild report {record_id}", err=True)
    if material.document.noisy:
        message = "the copy of the baseline differs from the baseline"
        raise Inconclusive(message, "the machine was too noisy to confirm anything; run it again")


def _show(prepared: Prepared, *, as_json: bool) -> None:
    """Print what would be searched, what not and why, and what it would cost."""
    import msgspec  # noqa: PLC0415

    from llamabuild.optimize.survey import check_budget  # noqa: PLC0415

    from .live import clock  # noqa: PLC0415
    from .tables import print_table  # noqa: PLC0415

    found, record = prepared.survey, prepared.record
    if as_json:
        document = {**msgspec.to_builtins(found), "budget_seconds": record.budget_seconds}
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    rows = [
        (lever.name, prepared.lab.name((part,)), lever.what, _time(found.build_seconds, part))
        for lever in found.levers
        for part in lever.choices
    ]
    print_table(("lever", "choice", "what it is", "its build takes"), rows)
    if found.left_out:
        click.echo("not searched:")
    for each in found.left_out:
        click.echo(f"  {each.part} ({each.lever}): {each.reason}")
    base = found.build_seconds[""]
    build = f"building {record.base} about {clock(base)}; " if base else ""
    click.echo(
        f"{build}first stage at least {clock(found.screen_seconds - base)}; "
        f"budget {clock(record.budget_seconds)}, least that says anything "
        f"{clock(found.least_seconds)}"
    )
    check_budget(record, found)


def _time(seconds: dict[str, float], part: str) -> str:
    from .live import clock  # noqa: PLC0415

    if part not in seconds:
        return "nothing is built"
    return f"about {clock(seconds[part])}" if seconds[part] else "it is there"
