-- +goose Up

-- The columns that queries look at stand before those that can be long, so that a row can be judged without reading all of it.
CREATE TABLE results_new (
    seq       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    recipe    TEXT    NOT NULL,
    batch     INTEGER REFERENCES batches (num),
    idx       INTEGER NOT NULL,
    status    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    attempts  INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    finished  INTEGER NOT NULL,
    host      TEXT    NOT NULL, -- that the result is about; '' for none, and for what is older than this column
    key       TEXT    NOT NULL,
    error     TEXT    NOT NULL,
    value     TEXT,             -- JSON
    fetch     TEXT              -- JSON
) STRICT;
INSERT INTO results_new
SELECT seq, id, recipe, batch, idx, status, reason, attempts, submitted, finished, '', key, error, value, fetch FROM results;
DROP TABLE results;
ALTER TABLE results_new RENAME TO results;
CREATE INDEX results_batch ON results (batch) WHERE batch IS NOT NULL;
CREATE INDEX results_batch_idx ON results (batch, idx) WHERE batch IS NOT NULL;
CREATE INDEX results_recipe ON results (recipe);
CREATE INDEX results_not_ok ON results (seq, status) WHERE status <> 'ok';
CREATE INDEX results_host ON results (host, finished) WHERE host <> '';
CREATE INDEX results_finished ON results (finished);
-- Who deletes a result asks who has borrowed it.
CREATE INDEX borrowed_result ON borrowed (result);
