package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	// maxPageBytes keeps a page under a message of 1 MiB, the broker's default limit.
	maxPageBytes = 700 << 10
)

// Results returns a page of results. It is shorter than the limit when its JSON would exceed 700 KiB, but has at least one
// result if there is one. A result that a batch shares with another one appears with the batch and index that were asked for.
// Errors of the query itself wrap ErrQuery.
func (db *DB) Results(ctx context.Context, q events.ResultQuery) (events.ResultPage, error) {
	page := events.ResultPage{Results: []events.Result{}}
	after, err := checkResults(&q)
	if err != nil {
		return page, err
	}
	var num int64
	if q.Batch != "" {
		err := db.read.QueryRowContext(ctx, sqlBatchNum, q.Batch).Scan(&num)
		if errors.Is(err, sql.ErrNoRows) {
			return page, nil
		}
		if err != nil {
			return page, fmt.Errorf("find batch %s: %w", q.Batch, err)
		}
	}
	text, args := resultsSQL(q, after, num)
	rows, err := db.read.QueryContext(ctx, text, args...)
	if err != nil {
		return page, fmt.Errorf("query results: %w", err)
	}
	defer func() { _ = rows.Close() }()
	size := sizer{}
	for rows.Next() {
		r, err := scanResult(rows)
		if err != nil {
			return page, fmt.Errorf("query results: %w", err)
		}
		if err := size.add(&r.Result); err != nil {
			return page, fmt.Errorf("query results: %w", err)
		}
		if len(page.Results) > 0 && size.bytes > maxPageBytes {
			break
		}
		page.Results = append(page.Results, r.Result)
		at := cursor{order: q.Order, seq: r.seq}
		if q.Order == events.OrderIndex {
			at.idx = r.Index
		}
		page.Next = at.String()
	}
	return page, rows.Err()
}

// checkResults completes a query and finds its faults.
func checkResults(q *events.ResultQuery) (cursor, error) {
	var err error
	if q.Limit, err = checkLimit(q.Limit); err != nil {
		return cursor{}, err
	}
	if q.Status != "" {
		if _, err := events.ParseStatus(string(q.Status)); err != nil {
			return cursor{}, queryError("%v", err)
		}
	}
	switch q.Order {
	case "":
		q.Order = events.OrderCommitted
	case events.OrderCommitted, events.OrderNewest:
	case events.OrderIndex:
		if q.Batch == "" {
			return cursor{}, queryError("order index needs a batch")
		}
	default:
		return cursor{}, queryError("unknown order %.40q: use committed, newest or index", string(q.Order))
	}
	return parseCursor(q.After, q.Order)
}

func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, queryError("limit %d is not between 1 and %d: ask for more in pages", limit, maxLimit)
	default:
		return limit, nil
	}
}

// sizer measures the JSON of results without keeping it.
type sizer struct {
	bytes int
	enc   *json.Encoder
}

func (s *sizer) Write(p []byte) (int, error) {
	s.bytes += len(p)
	return len(p), nil
}

func (s *sizer) add(r *events.Result) error {
	if s.enc == nil {
		s.enc = json.NewEncoder(s)
		s.enc.SetEscapeHTML(false)
	}
	return s.enc.Encode(r)
}
