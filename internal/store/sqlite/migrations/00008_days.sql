-- +goose Up

-- What lists of targets sum up, of up to a year, without reading whole buckets, which lie apart from each other. The size is there because SQLite
-- would look for it elsewhere, though all have the same.
CREATE INDEX buckets_days ON buckets (target, start, up, down, size) WHERE size = 86400;
