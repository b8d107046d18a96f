-- +goose Up

-- What lists of targets sum up, of up to a year, without reading whole buckets, which lie apart from each other.
CREATE INDEX buckets_days ON buckets (target, start, up, down) WHERE size = 86400;
