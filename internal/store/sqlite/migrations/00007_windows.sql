-- +goose Up

-- How far the windows are that the results of a recipe have come with one spec for. Times of this migration are milliseconds since 1970.
CREATE TABLE window_streams (
    id        INTEGER PRIMARY KEY,
    recipe    TEXT    NOT NULL,
    spec      TEXT    NOT NULL, -- JSON
    watermark INTEGER NOT NULL,
    sources   TEXT    NOT NULL, -- that are waited for, JSON
    counted   INTEGER NOT NULL,
    late      INTEGER NOT NULL,
    skipped   INTEGER NOT NULL
) STRICT;
CREATE INDEX window_streams_recipe ON window_streams (recipe, id DESC);

-- Ids are of the sequence. What the results in an open window are reduced to is in reduced, under the window's id.
CREATE TABLE windows (
    id        INTEGER PRIMARY KEY,
    stream    INTEGER NOT NULL,
    recipe    TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    start_at  INTEGER NOT NULL,
    end_at    INTEGER NOT NULL,
    open      INTEGER NOT NULL, -- 1 until it is told
    closed    INTEGER NOT NULL, -- when; 0 while it is open
    ok        INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    late      INTEGER NOT NULL,
    answer    TEXT    NOT NULL  -- JSON
) STRICT;
CREATE INDEX windows_open ON windows (stream, key, end_at) WHERE open = 1;
CREATE INDEX windows_due ON windows (stream, end_at, id) WHERE open = 1;
CREATE INDEX windows_list ON windows (open, end_at, id);
CREATE INDEX windows_recipe ON windows (recipe, open, end_at, id);
CREATE INDEX windows_key ON windows (recipe, key, open, end_at, id);
