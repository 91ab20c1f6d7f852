CREATE TABLE IF NOT EXISTS runs (
    id       TEXT PRIMARY KEY,
    started  TEXT NOT NULL,              -- ISO 8601, UTC
    finished TEXT NOT NULL DEFAULT '',
    status   TEXT NOT NULL,
    document TEXT NOT NULL               -- JSON: types.run.Run without arms and discarded blocks
) STRICT;

CREATE TABLE IF NOT EXISTS arms (
    run      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    status   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    document TEXT NOT NULL,              -- JSON: types.run.Arm
    PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE IF NOT EXISTS trials (
    run        TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    block      INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    workload   TEXT NOT NULL,
    arm        TEXT NOT NULL,
    status     TEXT NOT NULL,
    error      TEXT NOT NULL,
    started    TEXT NOT NULL,            -- ISO 8601, UTC
    tokens     INTEGER NOT NULL,         -- per repetition
    samples_ns TEXT NOT NULL,            -- JSON array
    output     TEXT NOT NULL,            -- JSON: every field that llama-bench printed
    state      TEXT NOT NULL,            -- JSON: types.machine.MachineState or null
    PRIMARY KEY (run, block, workload, arm)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS discarded_blocks (
    run    TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    block  INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kernel_runs (
    id          TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,           -- of the machine
    started     TEXT NOT NULL,           -- ISO 8601, UTC
    status      TEXT NOT NULL,
    document    TEXT NOT NULL            -- JSON: types.kernels.KernelRun
) STRICT;

CREATE TABLE IF NOT EXISTS optimizations (
    id       TEXT PRIMARY KEY,
    started  TEXT NOT NULL,              -- ISO 8601, UTC
    status   TEXT NOT NULL,
    document TEXT NOT NULL               -- JSON: types.optimization.Optimization
) STRICT;

CREATE TABLE IF NOT EXISTS profile_runs (
    id          TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,           -- of the machine
    started     TEXT NOT NULL,           -- ISO 8601, UTC
    status      TEXT NOT NULL,
    document    TEXT NOT NULL            -- JSON: types.profile.ProfileRun
) STRICT;

CREATE TABLE IF NOT EXISTS labs (
    id       TEXT PRIMARY KEY,
    started  TEXT NOT NULL,              -- ISO 8601, UTC
    status   TEXT NOT NULL,
    document TEXT NOT NULL               -- JSON: types.lab.Lab
) STRICT;
