-- +goose Up

-- The last number of the sequence. Who has locked this row writes; the others wait for it.
CREATE TABLE sequence (last bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO sequence VALUES (0);
