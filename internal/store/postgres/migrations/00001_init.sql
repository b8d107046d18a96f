-- +goose Up

-- The tables are those of SQLite; see there for what is in them. Text compares byte by byte, so that both databases sort alike.
CREATE TABLE batches (
    num       bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name      text    COLLATE "C" NOT NULL UNIQUE,
    recipe    text    COLLATE "C" NOT NULL,
    state     text    COLLATE "C" NOT NULL,
    cancel    boolean NOT NULL,
    announced bigint  NOT NULL,
    total     bigint  NOT NULL,
    ok        bigint  NOT NULL,
    failed    bigint  NOT NULL,
    cancelled bigint  NOT NULL,
    created   bigint  NOT NULL,
    updated   bigint  NOT NULL,
    finished  bigint  NOT NULL
);
CREATE INDEX batches_unfinished ON batches (updated) WHERE finished = 0;

CREATE TABLE results (
    seq       bigint  PRIMARY KEY,
    id        text    COLLATE "C" NOT NULL UNIQUE,
    recipe    text    COLLATE "C" NOT NULL,
    batch     bigint  REFERENCES batches (num),
    idx       bigint  NOT NULL,
    key       text    COLLATE "C" NOT NULL,
    status    text    COLLATE "C" NOT NULL,
    reason    text    COLLATE "C" NOT NULL,
    error     text    COLLATE "C" NOT NULL,
    attempts  bigint  NOT NULL,
    value     text    COLLATE "C", -- JSON; as text it comes back to the byte, and nothing that is JSON elsewhere is refused
    "fetch"   text    COLLATE "C", -- JSON
    submitted bigint  NOT NULL,
    finished  bigint  NOT NULL
);
CREATE INDEX results_batch ON results (batch, seq) WHERE batch IS NOT NULL;
CREATE INDEX results_batch_idx ON results (batch, idx, seq) WHERE batch IS NOT NULL;
CREATE INDEX results_recipe ON results (recipe, seq);
CREATE INDEX results_not_ok ON results (seq) WHERE status <> 'ok';

CREATE TABLE borrowed (
    seq    bigint PRIMARY KEY,
    batch  bigint NOT NULL REFERENCES batches (num),
    idx    bigint NOT NULL,
    result bigint NOT NULL REFERENCES results (seq),
    UNIQUE (batch, result)
);
CREATE INDEX borrowed_batch ON borrowed (batch, seq);
CREATE INDEX borrowed_batch_idx ON borrowed (batch, idx, seq);

CREATE TABLE counts (
    batch  bigint NOT NULL,
    recipe text   COLLATE "C" NOT NULL,
    status text   COLLATE "C" NOT NULL,
    reason text   COLLATE "C" NOT NULL,
    n      bigint NOT NULL,
    PRIMARY KEY (batch, recipe, status, reason)
);

CREATE TABLE outbox (
    id      bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    subject text   COLLATE "C" NOT NULL,
    msg_id  text   COLLATE "C" NOT NULL,
    type    text   COLLATE "C" NOT NULL,
    data    text   COLLATE "C" NOT NULL
);
-- Who has locked this row drains the outbox.
CREATE TABLE drain (turn boolean NOT NULL);
INSERT INTO drain VALUES (true);
