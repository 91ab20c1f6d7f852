"""The results database: runs, their arms, and every trial, one transaction each; kernel runs.

SQLite in the state folder. A trial is on disk before the next one starts, so that nothing but
the trial in flight can be lost; the primary key keeps a resumed run from storing one twice.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.types.kernels import KernelRun
from llamabuild.types.lab import Lab
from llamabuild.types.machine import MachineState
from llamabuild.types.optimization import Optimization
from llamabuild.types.profile import ProfileRun
from llamabuild.types.run import Arm, DiscardedBlock, Run, Trial

from .kinds import KERNEL_RUNS, LABS, OPTIMIZATIONS, PROFILE_RUNS, VARIANT_RUNS
from .limits import RUNS, newest_undisturbed
from .paths import STATE, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kinds import Kind

SCHEMA_VERSION = 4
"""1 had no kernel runs, 2 neither optimizations nor profiles, 3 no labs."""
BUSY_SECONDS = 30.0

T = TypeVar("T")


class Results:
    """An open results database; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._named_errors():
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """Open the database, by default the one in the state folder; made if needed."""
        return cls(path or state_dir() / "results.sqlite")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def save_run(self, run: Run) -> None:
        """Store a run with its arms, or replace what is stored of it; trials stay."""
        bare = msgspec.structs.replace(run, arms=(), discarded=())
        with self._transaction():
            self._db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " finished = excluded.finished, status = excluded.status,"
                " document = excluded.document",
                (run.id, run.started, run.finished, run.status, _json(bare)),
            )
            for position, arm in enumerate(run.arms):
                self._db.execute(
                    "INSERT OR REPLACE INTO arms VALUES (?, ?, ?, ?, ?, ?)",
                    (run.id, position, arm.name, arm.status, arm.reason, _json(arm)),
                )

    def add_trial(self, run_id: str, trial: Trial) -> None:
        """Store one trial.

        Raises:
            sqlite3.IntegrityError: That arm already has a trial on that workload in that block.
        """
        with self._transaction():
            self._db.execute(
                "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id,
                    trial.block,
                    trial.position,
                    trial.workload,
                    trial.arm,
                    trial.status,
                    trial.error,
                    trial.started,
                    trial.tokens,
                    _json(trial.samples_ns),
                    _json(trial.output),
                    _json(trial.state),
                ),
            )

    def discard_block(self, run_id: str, discarded: DiscardedBlock) -> None:
        """Leave a block out of every comparison; its trials stay stored."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO discarded_blocks VALUES (?, ?, ?)",
                (run_id, discarded.block, discarded.reason),
            )

    def settle_running(self, keep: str) -> None:
        """Call runs that still say ``running`` interrupted, except ``keep``."""
        with self._transaction():
            for table in ("runs", "kernel_runs", "profile_runs"):
                self._db.execute(
                    f"UPDATE {table} SET status = 'interrupted',"  # noqa: S608
                    " document = json_set(document, '$.status', 'interrupted')"
                    " WHERE status = 'running' AND id <> ?",
                    (keep,),
                )

    def save_kernel_run(self, run: KernelRun) -> None:
        """Store a run of ``kernels`` whole, or replace what is stored of it."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO kernel_runs VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " status = excluded.status, document = excluded.document",
                (run.id, run.machine.fingerprint, run.started, run.status, _json(run)),
            )

    def kernel_runs(self) -> tuple[KernelRun, ...]:
        """Return all runs of ``kernels``, oldest first."""
        return self._all(KERNEL_RUNS, KernelRun)

    def kernel_run(self, run_id: str) -> KernelRun:
        """Return a run of ``kernels`` by its id, a unique beginning of it, or ``latest``.

        Raises:
            BadInput: There is no such run, or there are several.
        """
        return self._whole(run_id, KERNEL_RUNS, KernelRun)

    def limits_of(self, fingerprint: str) -> KernelRun | None:
        """Return the newest complete run of ``kernels`` whose probes nobody disturbed, or None."""
        rows = self._rows(
            "SELECT document FROM kernel_runs WHERE fingerprint = ? AND status = 'done'"
            " AND json_array_length(document, '$.probes') > 0"
            " ORDER BY started DESC, id DESC LIMIT ?",
            fingerprint,
            RUNS,
        )
        return newest_undisturbed([_decode(row[0], KernelRun) for row in rows])

    def save_optimization(self, record: Optimization) -> None:
        """Store an optimization whole, or replace what is stored of it."""
        self._save_whole(record, OPTIMIZATIONS)

    def optimization(self, record_id: str) -> Optimization:
        """Return an optimization by its id, a unique beginning of it, or ``latest``.

        Raises:
            BadInput: There is no such optimization, or there are several.
        """
        return self._whole(record_id, OPTIMIZATIONS, Optimization)

    def optimizations(self) -> tuple[Optimization, ...]:
        """Return all optimizations, oldest first."""
        return self._all(OPTIMIZATIONS, Optimization)

    def save_lab(self, lab: Lab) -> None:
        """Store a lab whole, or replace what is stored of it."""
        self._save_whole(lab, LABS)

    def lab(self, lab_id: str) -> Lab:
        """Return a lab by its id, a unique beginning of it, or ``latest``.

        Raises:
            BadInput: There is no such lab, or there are several.
        """
        return self._whole(lab_id, LABS, Lab)

    def labs(self) -> tuple[Lab, ...]:
        """Return all labs, oldest first."""
        return self._all(LABS, Lab)

    def run_of_stage(self, part_of: str) -> Run | None:
        """Return the newest run that was made for a stage of an optimization, or None."""
        rows = self._rows(
            "SELECT id FROM runs WHERE json_extract(document, '$.part_of') = ?"
            " ORDER BY started DESC, id DESC LIMIT 1",
            part_of,
        )
        return self.run(rows[0][0]) if rows else None

    def run_like(self, fingerprint: str, model_sha256: str, threads: int) -> Run | None:
        """Return the newest complete run of a model on a machine, with so many threads, or None.

        Sweeps are left out: their trials may be of any length.
        """
        rows = self._rows(
            "SELECT id FROM runs WHERE status = 'done'"
            " AND json_extract(document, '$.sweep') IS NULL"
            " AND json_extract(document, '$.machine.fingerprint') = ?"
            " AND json_extract(document, '$.model.sha256') = ?"
            " AND json_extract(document, '$.threads') = ? ORDER BY started DESC, id DESC LIMIT 1",
            fingerprint,
            model_sha256,
            threads,
        )
        return self.run(rows[0][0]) if rows else None

    def save_profile_run(self, run: ProfileRun) -> None:
        """Store a run of ``profile`` whole, or replace what is stored of it."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO profile_runs VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " status = excluded.status, document = excluded.document",
                (run.id, run.machine.fingerprint, run.started, run.status, _json(run)),
            )

    def profile_runs(self) -> tuple[ProfileRun, ...]:
        """Return all runs of ``profile``, oldest first."""
        return self._all(PROFILE_RUNS, ProfileRun)

    def profile_run(self, run_id: str) -> ProfileRun:
        """Return a run of ``profile`` by its id, a unique beginning of it, or ``latest``.

        Raises:
            BadInput: There is no such run, or there are several.
        """
        return self._whole(run_id, PROFILE_RUNS, ProfileRun)

    def runs(self) -> tuple[Run, ...]:
        """Return all runs, oldest first."""
        ids = self._rows("SELECT id FROM runs ORDER BY started, id")
        return tuple(self.run(row[0]) for row in ids)

    def run(self, run_id: str) -> Run:
        """Return a run by its id, a unique beginning of it, or ``latest``.

        Raises:
            BadInput: There is no such run, or there are several.
        """
        found = self._find(run_id)
        [(document,)] = self._rows("SELECT document FROM runs WHERE id = ?", found)
        arms = self._rows("SELECT document FROM arms WHERE run = ? ORDER BY position", found)
        gone = self._rows(
            "SELECT block, reason FROM discarded_blocks WHERE run = ? ORDER BY block", found
        )
        return msgspec.structs.replace(
            _decode(document, Run),
            arms=tuple(_decode(row[0], Arm) for row in arms),
            discarded=tuple(DiscardedBlock(block=row[0], reason=row[1]) for row in gone),
        )

    def trials(self, run_id: str) -> tuple[Trial, ...]:
        """Return all trials of a run in the order in which they ran."""
        rows = self._rows(
            "SELECT block, position, workload, arm, status, error, started, tokens, samples_ns,"
            " output, state FROM trials WHERE run = ? ORDER BY block, position",
            self._find(run_id),
        )
        return tuple(
            Trial(
                block=row[0],
                position=row[1],
                workload=row[2],
                arm=row[3],
                status=row[4],
                error=row[5],
                started=row[6],
                tokens=row[7],
                samples_ns=_decode(row[8], tuple[int, ...]),
                output=_decode(row[9], dict),
                state=None if row[10] == "null" else _decode(row[10], MachineState),
            )
            for row in rows
        )

    def _save_whole(self, record: Optimization | Lab, kind: Kind) -> None:
        with self._transaction():
            self._db.execute(
                f"INSERT INTO {kind.table} VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"  # noqa: S608
                " status = excluded.status, document = excluded.document",
                (record.id, record.started, record.status, _json(record)),
            )

    def _whole(self, record_id: str, kind: Kind, form: type[T]) -> T:
        found = self._find(record_id, kind)
        [(document,)] = self._rows(f"SELECT document FROM {kind.table} WHERE id = ?", found)  # noqa: S608
        return _decode(document, form)

    def _all(self, kind: Kind, form: type[T]) -> tuple[T, ...]:
        rows = self._rows(f"SELECT document FROM {kind.table} ORDER BY started, id")  # noqa: S608
        return tuple(_decode(row[0], form) for row in rows)

    def has(self, run_id: str, kind: Kind) -> bool:
        """Whether an id, or the start of one, names a stored record of a kind, or several."""
        rows = self._rows(
            f"SELECT 1 FROM {kind.table} WHERE substr(id, 1, length(?1)) = ?1 LIMIT 1",  # noqa: S608
            run_id,
        )
        return bool(rows)

    def _find(self, run_id: str, kind: Kind = VARIANT_RUNS) -> str:
        if run_id == "latest":
            rows = self._rows(
                # A stage of a lab or an optimization is not what somebody last asked for.
                f"SELECT id FROM {kind.table}"  # noqa: S608
                " WHERE coalesce(json_extract(document, '$.part_of'), '') = ''"
                " ORDER BY started DESC, id DESC LIMIT 1"
            )
            if not rows:
                message = f"there is no {kind.what} yet"
                raise BadInput(message, f"make one with '{kind.made_by}'")
            return str(rows[0][0])
        rows = self._rows(
            f"SELECT id FROM {kind.table} WHERE substr(id, 1, length(?1)) = ?1",  # noqa: S608
            run_id,
        )
        exact = [row[0] for row in rows if row[0] == run_id]
        if len(rows) != 1 and not exact:
            known = ", ".join(row[0] for row in rows[:5])
            found = "ambiguous: " + known if rows else "not in the store"
            message = f"{kind.what} '{run_id}' is {found}"
            raise BadInput(message, kind.remedy)
        return str((exact or [rows[0][0]])[0])

    def _rows(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._named_errors():
            rows: list[tuple[Any, ...]] = self._db.execute(query, values).fetchall()
        return rows

    def _prepare(self) -> None:
        [(version,)] = self._db.execute("PRAGMA user_version").fetchall()
        if version > SCHEMA_VERSION:
            message = f"{self._path}: written by a newer llamabuild (schema {version})"
            raise BadInput(message, "update llamabuild, or set LLAMABUILD_STATE to another folder")
        if version < SCHEMA_VERSION:  # every table so far was only ever added
            schema = Path(__file__).with_name("schema.sql").read_text("utf-8")
            self._db.executescript(
                f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._named_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Say in words what disks and files do to a database."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            message = f"{self._path}: {error}"
            raise EnvironmentLacks(message, _remedy(str(error))) from error
        except sqlite3.DatabaseError as error:
            message = f"{self._path}: not a results database ({error})"
            raise BadInput(message, "move it away; a new one is made") from error


def _remedy(error: str) -> str:
    """What to do about what SQLite says of a disk or a file."""
    if "full" in error:
        return "free some disk space; what was stored is safe, --resume goes on from there"
    if "readonly" in error or "unable to open" in error:
        return f"set {STATE} to a folder that you can write"
    return ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _decode(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        message = f"a stored run is not of this version's form ({error})"
        raise BadInput(message, "set LLAMABUILD_STATE to another folder") from error
