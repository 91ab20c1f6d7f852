"""``cache``: what was built and kept."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import click
import msgspec

from llamabuild.errors import GateFailed

from . import options


@click.group("cache")
def cache() -> None:
    """List, verify or clean the builds in the cache."""


@cache.command("list")
@options.as_json
def list_builds(*, as_json: bool) -> None:
    """List all builds in the store."""
    from llamabuild.store.builds import published_builds  # noqa: PLC0415
    from llamabuild.store.paths import cache_dir  # noqa: PLC0415

    from .tables import print_table  # noqa: PLC0415

    builds = [(build_id, build) for build_id, build in published_builds()]
    if as_json:
        document = {
            "folder": str(cache_dir()),
            "builds": [b for _, b in builds if b],
            "damaged": [build_id for build_id, b in builds if b is None],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    print_table(
        ("build", "variant", "made", "seconds", "MB"),
        [
            (i, b.plan.variant, b.created, f"{b.seconds:.0f}", f"{b.size_bytes / 1e6:.1f}")
            if b
            else (i, "damaged: will be built again", "", "", "")
            for i, b in builds
        ],
    )
    click.echo(f"in {cache_dir()}")


@cache.command("verify")
def verify() -> None:
    """Check every file of every build against its SHA-256."""
    from llamabuild.store.builds import load_build, published_builds  # noqa: PLC0415

    ids = [build_id for build_id, _ in published_builds()]
    damaged = [build_id for build_id in ids if load_build(build_id, full=True) is None]
    if damaged:
        message = f"{len(damaged)} of {len(ids)} builds are damaged: {', '.join(damaged)}"
        raise GateFailed(message, "'llamabuild cache gc' removes them; they are built again")
    click.echo(f"{len(ids)} builds, all intact")


@cache.command("gc")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="Keep younger.")
@click.option("--dry-run", is_flag=True, help="Say what would go, remove nothing.")
def gc(*, days: int, dry_run: bool) -> None:
    """Remove damaged builds, builds older than some days, and what killed processes left."""
    from llamabuild.store.locks import measurement_lock  # noqa: PLC0415

    with measurement_lock():  # what is being measured is in use
        _clean(days, dry_run=dry_run)


def _clean(days: int, *, dry_run: bool) -> None:
    from llamabuild.store.builds import discard, load_build, published_builds  # noqa: PLC0415
    from llamabuild.store.locks import named_lock  # noqa: PLC0415
    from llamabuild.store.paths import cache_dir  # noqa: PLC0415

    before = datetime.now(UTC) - timedelta(days=days)
    for build_id, _ in list(published_builds()):
        build = load_build(build_id, full=True)
        if build is not None and datetime.fromisoformat(build.created) > before:
            continue
        click.echo(f"{build_id}: {f'made {build.created}' if build else 'damaged'}")
        if not dry_run:
            with named_lock(f"build-{build_id}"):
                discard(build_id)
    # A day is longer than any build; what is older belongs to no living process.
    left_over = datetime.now(UTC) - timedelta(days=1)
    for part in ("scratch", "work"):
        for folder in cache_dir(part).iterdir():
            if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < left_over:
                click.echo(f"{part}/{folder.name}: left over")
                if not dry_run:
                    shutil.rmtree(folder, ignore_errors=True)
