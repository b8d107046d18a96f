-- +goose Up

-- What is for all targets; one row. version counts the changes of targets, so that schedulers notice them.
CREATE TABLE watch (
    version  INTEGER NOT NULL,
    secret   BLOB    NOT NULL, -- by which checks are known; empty before there are targets
    policy   TEXT    NOT NULL, -- about outages of our own, JSON; empty for the default
    sites    INTEGER NOT NULL, -- how many there are
    channels TEXT    NOT NULL  -- of all targets, a JSON array
) STRICT;
INSERT INTO watch VALUES (0, x'', '', 0, '[]');

-- Numbers are never given out again: they are in the ids of checks. Times of this migration are milliseconds since 1970.
CREATE TABLE targets (
    num      INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT    NOT NULL,
    grp      TEXT    NOT NULL,
    owner    TEXT    NOT NULL,
    spec     TEXT    NOT NULL, -- as applied, JSON
    site     TEXT    NOT NULL,
    version  INTEGER NOT NULL, -- that of watch when it was changed last
    revision INTEGER NOT NULL, -- how often what is asked has changed
    removed  INTEGER NOT NULL, -- when; 0 if it is not. It goes when its buckets have gone
    phase    TEXT    NOT NULL, -- new, up, down or paused
    evidence INTEGER NOT NULL, -- what it says about our own connection: 0 nothing, 1 it answers, 2 it fails
    said     INTEGER NOT NULL, -- since when
    recheck  INTEGER NOT NULL, -- when to look before the next regular check; 0 is not
    state    TEXT    NOT NULL  -- JSON
) STRICT;
CREATE UNIQUE INDEX targets_name ON targets (name) WHERE removed = 0;
CREATE INDEX targets_recheck ON targets (recheck) WHERE recheck <> 0;
CREATE INDEX targets_removed ON targets (removed) WHERE removed <> 0;

-- size is 3600 or 86400. The first five sums are milliseconds.
CREATE TABLE buckets (
    target     INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    start      INTEGER NOT NULL,
    up         INTEGER NOT NULL,
    down       INTEGER NOT NULL,
    maintained INTEGER NOT NULL,
    ours       INTEGER NOT NULL,
    unknown    INTEGER NOT NULL,
    timed      INTEGER NOT NULL, -- checks that have a response time
    sum_us     INTEGER NOT NULL,
    max_us     INTEGER NOT NULL,
    times      BLOB    NOT NULL, -- a sketch of them
    minutes    BLOB    NOT NULL, -- of hours
    PRIMARY KEY (target, size, start)
) STRICT;
CREATE INDEX buckets_old ON buckets (size, start);

CREATE TABLE incidents (
    target INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL, -- 0 while it lasts
    name   TEXT    NOT NULL,
    grp    TEXT    NOT NULL,
    cause  TEXT    NOT NULL,
    ended  TEXT    NOT NULL, -- how
    PRIMARY KEY (since, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_target ON incidents (name, since, target);
CREATE INDEX incidents_open ON incidents (since, target) WHERE until = 0;

CREATE TABLE outages (
    since      INTEGER PRIMARY KEY,
    until      INTEGER NOT NULL, -- 0 while it lasts
    recovering INTEGER NOT NULL, -- since when something answers again; 0 for nothing
    sites      INTEGER NOT NULL,
    failing    INTEGER NOT NULL
) STRICT;
