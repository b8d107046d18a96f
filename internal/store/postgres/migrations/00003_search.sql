-- +goose Up

ALTER TABLE results ADD COLUMN host text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX results_host ON results (host, finished, seq) WHERE host <> '';
CREATE INDEX results_finished ON results (finished, seq);
CREATE INDEX borrowed_result ON borrowed (result);
