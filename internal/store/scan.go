package store

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
)

type scanner interface{ Scan(dest ...any) error }

// row is a result at its place in the sequence.
type row struct {
	events.Result
	seq   int64
	batch sql.NullInt64
}

// scanResult reads resultColumns.
func scanResult(s scanner) (row, error) {
	var r row
	var value, fetch sql.NullString
	var submitted, finished int64
	err := s.Scan(&r.seq, &r.batch, &r.Batch, &r.Index, &r.ID, &r.Recipe, &r.Key, &r.Status, &r.Reason, &r.Error, &r.Attempts,
		&value, &fetch, &submitted, &finished)
	if err != nil {
		return row{}, err
	}
	if value.Valid {
		r.Value = json.RawMessage(value.String)
	}
	if fetch.Valid {
		r.Fetch = new(events.FetchFacts)
		if err := json.Unmarshal([]byte(fetch.String), r.Fetch); err != nil {
			return row{}, fmt.Errorf("fetch of result %s: %w", r.ID, err)
		}
	}
	r.Submitted, r.Finished = fromNanos(submitted), fromNanos(finished)
	return r, nil
}

// scanBatch reads batchColumns.
func scanBatch(s scanner) (*batch, error) {
	var b batch
	var created, updated, finished int64
	err := s.Scan(&b.num, &b.Batch.Batch, &b.Recipe, &b.State, &b.cancel, &b.announced, &b.Total, &b.OK, &b.Failed, &b.Cancelled,
		&created, &updated, &finished)
	if err != nil {
		return nil, err
	}
	b.Created, b.Updated, b.Finished = fromNanos(created), fromNanos(updated), fromNanos(finished)
	return &b, nil
}
