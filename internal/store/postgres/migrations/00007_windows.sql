-- +goose Up

-- How far the windows are that the results of a recipe have come with one spec for. Times of this migration are milliseconds since 1970.
CREATE TABLE window_streams (
    id        bigint PRIMARY KEY,
    recipe    text   COLLATE "C" NOT NULL,
    spec      text   COLLATE "C" NOT NULL, -- JSON
    watermark bigint NOT NULL,
    sources   text   COLLATE "C" NOT NULL, -- that are waited for, JSON
    counted   bigint NOT NULL,
    late      bigint NOT NULL,
    skipped   bigint NOT NULL
);
CREATE INDEX window_streams_recipe ON window_streams (recipe, id DESC);

-- Ids are of the sequence. What the results in an open window are reduced to is in reduced, under the window's id.
CREATE TABLE windows (
    id        bigint PRIMARY KEY,
    stream    bigint NOT NULL,
    recipe    text   COLLATE "C" NOT NULL,
    kind      text   COLLATE "C" NOT NULL,
    key       text   COLLATE "C" NOT NULL,
    start_at  bigint NOT NULL,
    end_at    bigint NOT NULL,
    open      bigint NOT NULL, -- 1 until it is told
    closed    bigint NOT NULL, -- when; 0 while it is open
    ok        bigint NOT NULL,
    failed    bigint NOT NULL,
    cancelled bigint NOT NULL,
    late      bigint NOT NULL,
    answer    text   COLLATE "C" NOT NULL -- JSON
);
CREATE INDEX windows_open ON windows (stream, key, end_at) WHERE open = 1;
CREATE INDEX windows_due ON windows (stream, end_at, id) WHERE open = 1;
CREATE INDEX windows_list ON windows (open, end_at, id);
CREATE INDEX windows_recipe ON windows (recipe, open, end_at, id);
CREATE INDEX windows_key ON windows (recipe, key, open, end_at, id);

ALTER TABLE reduced DROP CONSTRAINT reduced_reduction_fkey;
