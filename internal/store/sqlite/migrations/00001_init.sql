-- +goose Up

-- Batches have numbers because rows and indexes carry a number more cheaply than a name.
CREATE TABLE batches (
    num       INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    recipe    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    cancel    INTEGER NOT NULL, -- 1 when somebody asked for it to be cancelled
    announced INTEGER NOT NULL, -- how many ends have been announced
    total     INTEGER NOT NULL, -- -1 while not known
    ok        INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    created   INTEGER NOT NULL, -- times are nanoseconds since 1970, 0 means none
    updated   INTEGER NOT NULL,
    finished  INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_unfinished ON batches (updated) WHERE finished = 0;

-- seq is the order of commits; results and borrowed draw from the same sequence.
CREATE TABLE results (
    seq       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    recipe    TEXT    NOT NULL,
    batch     INTEGER REFERENCES batches (num),
    idx       INTEGER NOT NULL,
    key       TEXT    NOT NULL,
    status    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    error     TEXT    NOT NULL,
    attempts  INTEGER NOT NULL,
    value     TEXT,             -- JSON
    fetch     TEXT,             -- JSON
    submitted INTEGER NOT NULL,
    finished  INTEGER NOT NULL
) STRICT;
CREATE INDEX results_batch ON results (batch) WHERE batch IS NOT NULL;
CREATE INDEX results_batch_idx ON results (batch, idx) WHERE batch IS NOT NULL;
CREATE INDEX results_recipe ON results (recipe);
CREATE INDEX results_not_ok ON results (seq) WHERE status <> 'ok';

-- A batch borrows a result when one of its items was already stored as part of another batch.
CREATE TABLE borrowed (
    seq    INTEGER PRIMARY KEY,
    batch  INTEGER NOT NULL REFERENCES batches (num),
    idx    INTEGER NOT NULL,
    result INTEGER NOT NULL REFERENCES results (seq),
    UNIQUE (batch, result)
) STRICT;
CREATE INDEX borrowed_batch ON borrowed (batch);
CREATE INDEX borrowed_batch_idx ON borrowed (batch, idx);

-- Batch 0 stands for all results, whether in a batch or not.
CREATE TABLE counts (
    batch  INTEGER NOT NULL,
    recipe TEXT    NOT NULL,
    status TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (batch, recipe, status, reason)
) STRICT, WITHOUT ROWID;

-- What is to be told to the world, written in the transaction that makes it true.
CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT    NOT NULL,
    msg_id  TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    data    TEXT    NOT NULL
) STRICT;
