"""``plan`` and ``build``: what would be built, and building it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click
import msgspec

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks

from . import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.pipeline import Request
    from llamabuild.types.run import Arm


@click.command("plan")
@options.names
@options.sets
@options.without
@options.cross
@options.sources
@options.training_model
@options.variants_dir
@options.as_json
def plan(*, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Show what would be built, with every command and how long it would take."""
    print_plan(_request(**wishes), as_json=as_json)


@click.command("build")
@options.names
@options.sets
@options.without
@options.cross
@options.sources
@options.training_model
@options.variants_dir
@options.as_json
def build(*, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Build variants, by default the SIMD ones that run here and your own, and stop there."""
    from llamabuild.pipeline.builds import build_variants  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415
    from .tables import print_table  # noqa: PLC0415

    with observer() as watching:
        arms = build_variants(_request(**wishes), watching)
    rows = [_row(arm) for arm in arms]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"builds": rows})).decode())
    else:
        print_table(
            ("variant", "build", "seconds", "CPU seconds", "compiled", "MB", "status"),
            [tuple(str(value) for value in row.values()) for row in rows],
        )
    _complain(arms, wishes["names"])


def _request(*, variants_dirs: tuple[Path, ...], **rest: Any) -> Request:  # noqa: ANN401
    from llamabuild.pipeline import Request  # noqa: PLC0415

    return Request(variants_dirs=options.folders(variants_dirs), **rest)


def _complain(arms: Sequence[Arm], asked: Sequence[str]) -> None:
    """Raise what a script must know: a failed build before a variant file that is wrong."""
    failed = [arm.name for arm in arms if arm.status == "build failed"]
    wrong = [arm.reason for arm in arms if arm.status == "bad variant"]
    if failed:
        message = f"{len(failed)} of {len(arms)} variants could not be built: {', '.join(failed)}"
        raise BuildFailed(message)
    if wrong:
        raise BadInput("; ".join(wrong))
    if absent := [a.name for a in arms if a.name in asked and a.status == "unsupported"]:
        message = f"{', '.join(absent)}: not built"
        raise EnvironmentLacks(message, "the table says what each lacks here")


def print_plan(request: Request, *, as_json: bool) -> None:
    """Print the plan of a request to stdout."""
    from llamabuild.pipeline.builds import plan_variants  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415
    from .tables import print_table  # noqa: PLC0415

    with observer() as watching:
        estimates, left_out = plan_variants(request, watching)
    if as_json:
        document = {
            "builds": msgspec.to_builtins(estimates),
            "unsupported": [{"name": arm.name, "reason": arm.reason} for arm in left_out],
            "estimated_seconds": sum(e.seconds for e in estimates),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    print_table(
        ("variant", "build id", "compiles", "about", "by"),
        [
            (
                e.plan.variant,
                e.plan.build_id,
                e.compiles,
                f"{e.seconds:.0f} s" if e.seconds else "",
                e.basis,
            )
            for e in estimates
        ],
    )
    for estimate in estimates:
        if estimate.seconds:
            click.echo(f"{estimate.plan.variant}:")
            for command in estimate.plan.by_hand:
                click.echo(f"  {shlex.join(command)}")
    for arm in left_out:
        click.echo(f"left out: {arm.name} ({arm.reason})")
    click.echo(f"about {sum(e.seconds for e in estimates) / 60:.0f} minutes in all")


def _row(arm: Arm) -> dict[str, str | float | int]:
    made = arm.build
    return {
        "variant": arm.name,
        "build": made.id if made else "",
        "seconds": round(made.seconds, 1) if made else 0,
        "cpu_seconds": round(made.cpu_seconds, 1) if made else 0,
        "compiled": made.compiled - max(made.cache_hits, 0) if made else 0,
        "megabytes": round(made.size_bytes / 1e6, 1) if made else 0,
        "status": ("in the store" if arm.build_cached else "built")
        if made
        else f"{arm.status}: {arm.reason}",
    }
