-- +goose Up

-- The sets of reductions that the results of a batch have come with.
CREATE TABLE reductions (
    id    bigint PRIMARY KEY,
    batch bigint NOT NULL REFERENCES batches (num) ON DELETE CASCADE,
    spec  text   NOT NULL -- JSON
);
CREATE INDEX reductions_batch ON reductions (batch);

-- What the results that came with a set are reduced to, a row for each key. Package reduce knows what names and states mean.
CREATE TABLE reduced (
    reduction bigint  NOT NULL REFERENCES reductions (id) ON DELETE CASCADE,
    part      integer NOT NULL,
    name      bytea   NOT NULL,
    state     bytea   NOT NULL,
    PRIMARY KEY (reduction, part, name)
);
