-- +goose Up

-- The sets of reductions that the results of a batch have come with.
CREATE TABLE reductions (
    id    INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (num) ON DELETE CASCADE,
    spec  TEXT    NOT NULL -- JSON
) STRICT;
CREATE INDEX reductions_batch ON reductions (batch);

-- What the results that came with a set are reduced to, a row for each key. Package reduce knows what names and states mean.
CREATE TABLE reduced (
    reduction INTEGER NOT NULL REFERENCES reductions (id) ON DELETE CASCADE,
    part      INTEGER NOT NULL,
    name      BLOB    NOT NULL,
    state     BLOB    NOT NULL,
    PRIMARY KEY (reduction, part, name)
) STRICT, WITHOUT ROWID;
