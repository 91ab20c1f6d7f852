"""``kernels``: micro-kernels beside ggml's, and probes of the machine's limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llamabuild.errors import BadInput, GateFailed

from . import options

if TYPE_CHECKING:
    from llamabuild.pipeline.kernels_plan import KernelPlan
    from llamabuild.pipeline.kernels_request import KernelRequest
    from llamabuild.types.kernels import KernelRun

FOREVER_MINUTES = 24 * 60


def _numbers(_ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Return whole numbers with commas between."""
    try:
        return tuple(int(part) for part in value.split(",") if part.strip())
    except ValueError:
        message = f"'{value}' is not a list of whole numbers such as 1,2"
        raise click.BadParameter(message, param=param) from None


def _names(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Split each value at its commas, so that both ways of naming several work."""
    return tuple(name for value in values for name in value.split(",") if name)


@click.command("kernels")
@click.option("--quick", is_flag=True, help="Four formats in L2 and memory, within 2 minutes.")
@click.option(
    "--format", "formats", multiple=True, callback=_names, metavar="F", help="Such as q4_K."
)
@click.option(
    "--shape", "shapes", multiple=True, callback=_names, metavar="S", help="vec_dot, gemv or gemm."
)
@click.option(
    "--isa", "isas", multiple=True, callback=_names, metavar="I", help="These everywhere."
)
@click.option(
    "--residence",
    "residences",
    multiple=True,
    callback=_names,
    metavar="L",
    help="Where the weights live: L1, L2, L3 or memory.",
)
@click.option(
    "--threads",
    callback=_numbers,
    default="",
    metavar="N,..",
    show_default=False,
    help="[default: 1 and all physical cores]",
)
@click.option(
    "--columns",
    callback=_numbers,
    default="",
    metavar="N,..",
    show_default=False,
    help="Of gemm  [default: 32,64]",
)
@click.option("--probes/--no-probes", default=True, help="Measure the machine's limits, too.")
@click.option("--only-probes", is_flag=True, help="The machine's limits and no kernels.")
@click.option(
    "--baseline-builds",
    "baselines",
    metavar="V,..",
    help="Variants whose ggml kernels run beside  [default: avx2,native; none: 'none']",
)
@click.option("--build", is_flag=True, help="Build those first where they are not built.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, FOREVER_MINUTES),
    help="Time for all of it  [default: 10, quick 2]",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Of the order within rounds [default: random]"
)
@click.option("--dry-run", is_flag=True, help="Show what would be measured, and how long it takes.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("llamabuild-report"),
    show_default=True,
    help="Where the report goes.",
)
@click.option("--show", metavar="RUN", help="Print a stored run again ('latest' works).")
@click.option("--list", "as_list", is_flag=True, help="List all kernels and which can run here.")
@options.as_json
def command(
    *,
    only_probes: bool,
    baselines: str | None,
    build: bool,
    dry_run: bool,
    output: Path,
    show: str | None,
    as_list: bool,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Time micro-kernels beside ggml's own, in each cache and memory, and the machine's limits.

    Each group of kernels is timed interleaved in random order; ratios are to the fastest ggml
    kernel of the same format, place and thread count. Options that name formats, shapes,
    instruction sets or places can be repeated, or take several with commas between.
    """
    if as_list:
        from .kernels_list import print_list  # noqa: PLC0415

        print_list(wishes["formats"], wishes["shapes"], wishes["isas"], as_json=as_json)
        return
    if show:
        from llamabuild.store.results import Results  # noqa: PLC0415

        with Results.open() as results:
            _print(results.kernel_run(show), as_json=as_json)
        return
    if only_probes and not wishes["probes"]:
        message = "--only-probes with --no-probes leaves nothing to measure"
        raise BadInput(message, "leave one of them out")
    request = _request(only_probes=only_probes, baselines=baselines, **wishes)
    if dry_run:
        from llamabuild.pipeline.kernels import plan_kernels  # noqa: PLC0415

        _print_plan(plan_kernels(request), as_json=as_json)
        return
    if build and request.kernels:
        _build(request)
    _run(request, output, as_json=as_json)


def _request(*, only_probes: bool, baselines: str | None, **wishes: Any) -> KernelRequest:  # noqa: ANN401
    from llamabuild.pipeline.kernels_request import KernelRequest  # noqa: PLC0415

    named = None if baselines is None else tuple(n for n in baselines.split(",") if n)
    return KernelRequest(
        kernels=not only_probes,
        baselines=() if named == ("none",) else named,
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
        **wishes,
    )


def _build(request: KernelRequest) -> None:
    from llamabuild.machine.cpu import detect_cpu  # noqa: PLC0415
    from llamabuild.pipeline import Request  # noqa: PLC0415
    from llamabuild.pipeline.builds import build_variants  # noqa: PLC0415
    from llamabuild.pipeline.kernels_rivals import baselines  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    names = baselines(request.baselines, detect_cpu())
    with observer() as watching:
        arms = build_variants(Request(names=names), watching)
    for arm in arms:
        if arm.build is None:
            click.echo(f"{arm.name}: {arm.status}: {arm.reason}", err=True)


def _run(request: KernelRequest, output: Path, *, as_json: bool) -> None:
    from llamabuild.pipeline.kernels import run_kernels  # noqa: PLC0415
    from llamabuild.report.kernel_write import write_kernels_report  # noqa: PLC0415

    from .live_kernels import kernel_observer  # noqa: PLC0415

    with kernel_observer() as watching:
        run = run_kernels(request, watching)
    page = write_kernels_report(run.id, output / run.id)
    _print(run, as_json=as_json)
    click.echo(f"report: {page}", err=True)
    _complain(run)


def _print(run: KernelRun, *, as_json: bool) -> None:
    if as_json:
        import msgspec  # noqa: PLC0415

        from llamabuild.report.kernels_document import kernels_document  # noqa: PLC0415

        click.echo(msgspec.json.format(msgspec.json.encode(kernels_document(run))).decode())
    else:
        from .kernels_table import print_run  # noqa: PLC0415

        print_run(run)


def _complain(run: KernelRun) -> None:
    """A kernel of ours that computes something else must not pass for a success."""
    wrong = [row.function for row in run.kernels if row.status == "wrong" and row.isa]
    if wrong:
        message = f"wrong results: {', '.join(dict.fromkeys(wrong))}"
        raise GateFailed(message, "they were not timed")


def _print_plan(plan: KernelPlan, *, as_json: bool) -> None:
    groups = [
        {
            "format": group.format,
            "columns": group.columns,
            "residence": group.residence,
            "threads": group.threads,
            "kernels": [job.kernel.symbol for job in group.jobs],
            "seconds": round(group.seconds, 1),
        }
        for group in plan.groups
    ]
    if as_json:
        import msgspec  # noqa: PLC0415

        document = {
            "seconds": round(plan.seconds, 1),
            "probes": plan.probes,
            "probe_seconds": round(plan.probe_seconds, 1),
            "groups": groups,
            "notes": plan.notes,
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    from .live import clock  # noqa: PLC0415
    from .tables import print_table  # noqa: PLC0415

    headers = ("format", "columns", "weights in", "threads", "kernels", "seconds")
    print_table(
        headers,
        [
            [
                group.format,
                str(group.columns),
                group.residence,
                str(group.threads),
                str(len(group.jobs)),
                f"{group.seconds:.1f}",
            ]
            for group in plan.groups
        ],
    )
    click.echo(f"{plan.probes} probes, about {clock(plan.probe_seconds)}")
    for note in plan.notes:
        click.echo(f"note: {note}")
    click.echo(f"about {clock(plan.seconds)} in all")
