-- +goose Up

-- The last number of the sequence is kept, because rows can be deleted and their numbers must not be given out again.
CREATE TABLE sequence (last INTEGER NOT NULL) STRICT;
INSERT INTO sequence
SELECT max((SELECT coalesce(max(seq), 0) FROM results), (SELECT coalesce(max(seq), 0) FROM borrowed));
