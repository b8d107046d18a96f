package sinkrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const batch = "bench"

// Rows happen that far apart, up to now, so that a window of one of 100 hosts has ten.
const (
	apart      = 10 * time.Millisecond
	windowSize = 10 * time.Second
)

var value = json.RawMessage(`{"title":"a page of some sort","words":1234}`)

// result makes the n-th row, of the kind that a crawl makes. Its id is random, as those made of keys are.
func result(n int, cfg Config) *events.Result {
	key := fmt.Sprintf("https://host%d.example.com/some/page?n=%d", n*7919%cfg.Hosts, n)
	r := &events.Result{
		ID: events.IDFromKey(key), Recipe: "page", Batch: batch, Index: int64(n), Key: key, Status: events.StatusOK, Attempts: 1,
		Value: value, Fetch: &events.FetchFacts{Status: 200, Bytes: 12345, ContentType: "text/html", ElapsedMS: 12.5, Proto: "HTTP/1.1"},
		Submitted: time.Now().Add(-time.Second).UTC(), Finished: time.Now().UTC(),
		Reduce: cfg.reduce, Window: cfg.window,
	}
	if cfg.window != nil {
		r.Time = r.Finished.Add(-time.Duration(cfg.Rows-n) * apart)
	}
	if n%50 == 0 {
		r.Status, r.Reason, r.Error, r.Value = events.StatusFailed, events.ReasonTimeout, "no answer", nil
	}
	return r
}

// inGroups passes all rows to insert, a group at a time, and tells what that took.
func inGroups(cfg Config, insert func([]*events.Result) error) (took spent, err error) {
	for n := 0; n < cfg.Rows; n += cfg.Group {
		group := make([]*events.Result, min(cfg.Group, cfg.Rows-n))
		for i := range group {
			group[i] = result(n+i, cfg)
		}
		start, cpu := time.Now(), usage.CPU()
		if err := insert(group); err != nil {
			return took, err
		}
		took.since(start, cpu)
	}
	return took, nil
}

// throughStore commits the rows as the sink does.
func throughStore(ctx context.Context, url string, cfg Config) (took spent, err error) {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return took, err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	return inGroups(cfg, func(group []*events.Result) error {
		entries := make([]store.Entry, len(group))
		for i, r := range group {
			entries[i].Result = r
		}
		_, err := db.Commit(ctx, entries)
		return err
	})
}

// makeTables makes the tables and indexes of a sink, and the batch that the rows are in.
func makeTables(ctx context.Context, url string) error {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	_, err = db.Commit(ctx, []store.Entry{{Record: &events.BatchRecord{Batch: batch, Action: events.BatchOpen}}})
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}
