-- +goose Up

-- The tables are those of SQLite; see there for what is in them.
CREATE TABLE watch (
    version  bigint NOT NULL,
    secret   bytea  NOT NULL,
    policy   text   COLLATE "C" NOT NULL,
    sites    bigint NOT NULL,
    channels text   COLLATE "C" NOT NULL
);
INSERT INTO watch VALUES (0, ''::bytea, '', 0, '[]');

CREATE TABLE targets (
    num      bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name     text   COLLATE "C" NOT NULL,
    grp      text   COLLATE "C" NOT NULL,
    owner    text   COLLATE "C" NOT NULL,
    spec     text   COLLATE "C" NOT NULL,
    site     text   COLLATE "C" NOT NULL,
    version  bigint NOT NULL,
    revision bigint NOT NULL,
    removed  bigint NOT NULL,
    phase    text   COLLATE "C" NOT NULL,
    evidence bigint NOT NULL,
    said     bigint NOT NULL,
    recheck  bigint NOT NULL,
    state    text   COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX targets_name ON targets (name) WHERE removed = 0;
CREATE INDEX targets_recheck ON targets (recheck) WHERE recheck <> 0;
CREATE INDEX targets_removed ON targets (removed) WHERE removed <> 0;

CREATE TABLE buckets (
    target     bigint NOT NULL,
    size       bigint NOT NULL,
    start      bigint NOT NULL,
    up         bigint NOT NULL,
    down       bigint NOT NULL,
    maintained bigint NOT NULL,
    ours       bigint NOT NULL,
    unknown    bigint NOT NULL,
    timed      bigint NOT NULL,
    sum_us     bigint NOT NULL,
    max_us     bigint NOT NULL,
    times      bytea  NOT NULL,
    minutes    bytea  NOT NULL,
    PRIMARY KEY (target, size, start)
);
CREATE INDEX buckets_old ON buckets (size, start);

CREATE TABLE incidents (
    target bigint NOT NULL,
    since  bigint NOT NULL,
    until  bigint NOT NULL,
    name   text   COLLATE "C" NOT NULL,
    grp    text   COLLATE "C" NOT NULL,
    cause  text   COLLATE "C" NOT NULL,
    ended  text   COLLATE "C" NOT NULL,
    PRIMARY KEY (since, target)
);
CREATE INDEX incidents_target ON incidents (name, since, target);
CREATE INDEX incidents_open ON incidents (since, target) WHERE until = 0;

CREATE TABLE outages (
    since      bigint PRIMARY KEY,
    until      bigint NOT NULL,
    recovering bigint NOT NULL,
    sites      bigint NOT NULL,
    failing    bigint NOT NULL
);
