"""``cache``: what was built, fetched and made, and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from llamabuild.errors import GateFailed

from . import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llamabuild.store.kept import Kept

KINDS = ("builds", "profiles", "sources", "models", "ccache")


@click.group("cache")
def cache() -> None:
    """List, verify or clean builds, profiles, sources, models and the compiler cache."""


@cache.command("list")
@options.as_json
def list_kept(*, as_json: bool) -> None:
    """List all builds, and what else is kept, with sizes."""
    from llamabuild.store.builds import published_builds  # noqa: PLC0415
    from llamabuild.store.kept import FOLDERS, kept  # noqa: PLC0415
    from llamabuild.store.paths import cache_dir  # noqa: PLC0415

    from .tables import print_table  # noqa: PLC0415

    builds = [(build_id, build) for build_id, build in published_builds()]
    entries = {kind: list(kept(kind)) for kind in FOLDERS}
    size = {kind: sum(entry.size_bytes for entry in own) for kind, own in entries.items()}
    if as_json:
        document = {
            "folder": str(cache_dir()),
            "builds": [b for _, b in builds if b],
            "damaged": [build_id for build_id, b in builds if b is None],
            **{kind: own for kind, own in entries.items() if kind != "builds"},
            "bytes": size,
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    print_table(
        ("build", "variant", "made", "seconds", "MB"),
        [
            (i, b.plan.variant, b.created, f"{b.seconds:.0f}", _megabytes(b.size_bytes))
            if b
            else (i, "damaged: will be built again", "", "", "")
            for i, b in builds
        ],
    )
    print_table(
        ("kind", "entry", "last used", "MB"),
        [
            (kind, entry.name, f"{entry.used:%Y-%m-%d}", _megabytes(entry.size_bytes))
            for kind in ("profiles", "sources", "models", "ccache", "left-overs")
            for entry in entries[kind]
        ],
    )
    for kind, of_kind in size.items():
        click.echo(f"{kind}: {_megabytes(of_kind)} MB")
    click.echo(f"{_megabytes(sum(size.values()))} MB in {cache_dir()}")


@cache.command("verify")
def verify() -> None:
    """Check every file of every build, and all profiles, against their SHA-256."""
    from llamabuild.store.builds import load_build, published_builds  # noqa: PLC0415
    from llamabuild.store.profiles import published_profiles  # noqa: PLC0415

    ids = [build_id for build_id, _ in published_builds()]
    damaged = [build_id for build_id in ids if load_build(build_id, full=True) is None]
    if damaged:
        message = f"{len(damaged)} of {len(ids)} builds are damaged: {', '.join(damaged)}"
        raise GateFailed(message, "'llamabuild cache gc' removes them; they are built again")
    profiles = list(published_profiles())
    if broken := [key for key, profile in profiles if profile is None]:
        message = f"{len(broken)} of {len(profiles)} profiles are damaged: {', '.join(broken)}"
        raise GateFailed(message, "'llamabuild cache gc --profiles' removes them; made again")
    click.echo(f"{len(ids)} builds and {len(profiles)} profiles, all intact")


@cache.command("gc")
@click.option("--builds", is_flag=True, help="Builds; the default when nothing is named.")
@click.option("--profiles", is_flag=True, help="What training runs said, for PGO and BOLT.")
@click.option("--sources", is_flag=True, help="Unpacked trees and fetched git repositories.")
@click.option("--models", is_flag=True, help="Models that were fetched or made.")
@click.option("--ccache", is_flag=True, help="What the compiler cache has not used for so long.")
@click.option("--all", "everything", is_flag=True, help="All five kinds.")
@click.option(
    "--older-than",
    "--days",
    "days",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Keep what was used within this many days; 0 keeps nothing.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, remove nothing.")
def gc(*, everything: bool, days: int, dry_run: bool, **named: bool) -> None:
    """Remove what was not used for some days, damaged builds, and what killed processes left.

    All of it can be built, fetched or made again. Nothing is removed while a build or a
    measurement runs.
    """
    from llamabuild.store.locks import cache_alone, measurement_lock  # noqa: PLC0415

    kinds = tuple(kind for kind in KINDS if everything or named[kind]) or ("builds",)
    with measurement_lock(), cache_alone():  # what is being measured or built is in use
        freed = sum(_clean(kind, days, dry_run=dry_run) for kind in (*kinds, "left-overs"))
    click.echo(f"{_megabytes(freed)} MB {'would be freed' if dry_run else 'freed'}")
    if rest := [kind for kind in KINDS if kind not in kinds]:
        click.echo(f"not looked at: {', '.join(rest)}; '--all' takes them too", err=True)


def _clean(kind: str, days: int, *, dry_run: bool) -> int:
    """Remove what is to go of one kind; the bytes that it took."""
    from llamabuild.store.kept import LOCKS, remove  # noqa: PLC0415
    from llamabuild.store.locks import free_locks  # noqa: PLC0415

    before = datetime.now(UTC) - timedelta(days=days)
    freed = 0
    with free_locks(LOCKS[kind]) as free:
        if not free:
            click.echo(f"{kind}: in use by another process, left alone", err=True)
            return 0
        for entry, reason in _doomed(kind, before):
            click.echo(f"{entry.name}: {reason}, {_megabytes(entry.size_bytes)} MB")
            freed += entry.size_bytes
            if not dry_run:
                remove(entry)
        if kind == "ccache":
            freed += _evict(before, dry_run=dry_run)
    return freed


def _doomed(kind: str, before: datetime) -> Iterator[tuple[Kept, str]]:
    """Yield what is to be removed as a whole, and why."""
    from llamabuild.store.builds import load_build  # noqa: PLC0415
    from llamabuild.store.kept import OLD_LEFT_OVER, kept  # noqa: PLC0415
    from llamabuild.store.profiles import load_profile  # noqa: PLC0415

    load: dict[str, Callable[[str], object]] = {
        "builds": partial(load_build, full=True),
        "profiles": load_profile,
    }
    for entry in list(kept(kind)):
        if kind == "left-overs":
            if entry.used < datetime.now(UTC) - OLD_LEFT_OVER:
                yield entry, "left over"
        elif entry.used <= before:
            yield entry, f"last used {entry.used:%Y-%m-%d}"
        elif kind in load and load[kind](entry.path.name) is None:
            yield entry, "damaged"


def _evict(before: datetime, *, dry_run: bool) -> int:
    """Let ccache drop single files of compiler caches that are still in use."""
    from llamabuild.store.kept import evict, kept, stale_bytes  # noqa: PLC0415

    freed = 0
    for entry in kept("ccache"):
        stale = stale_bytes(entry, before) if entry.used > before else 0
        if stale and (dry_run or evict(entry, before)):
            click.echo(f"{entry.name}: compiled files not used since, {_megabytes(stale)} MB")
            freed += stale
    return freed


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}"
