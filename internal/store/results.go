package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// maxPageBytes keeps a page under a message of 1 MiB, the broker's default limit.
	maxPageBytes = 700 << 10
	// lookAtOnce is how many rows are looked at, one after the other, before a query that leaves rows out begins again from there: so none
	// takes long, whatever it looks for and however many rows there are.
	lookAtOnce = 20_000
	// apart is how much longer it takes to look at a row where those along the walk do not lie beside each other in the table.
	apart = 5
)

// Results returns a page of results. It is shorter than the limit when its JSON would exceed 700 KiB, but has at least one
// result if there is one, unless q.Partial. A result that a batch shares with another one appears with the batch and index that were
// asked for. Errors of the query itself wrap ErrQuery.
func (db *DB) Results(ctx context.Context, q events.ResultQuery) (events.ResultPage, error) {
	page := events.ResultPage{Results: []events.Result{}}
	sel, err := checkResults(q)
	if err != nil {
		return page, err
	}
	if q.Batch != "" {
		if sel.Num, err = db.batchNum(ctx, q.Batch); err != nil || sel.Num == 0 {
			return page, err
		}
	}
	for {
		more, err := db.look(ctx, &sel, &page)
		if err != nil {
			return page, fmt.Errorf("query results: %w", err)
		}
		if len(page.Results) > 0 || !more {
			return page, nil
		}
		if q.Partial {
			page.Next = cursorOf(&sel, sel.After).String()
			return page, nil
		}
	}
}

// look fills the page with what is found among the next rows, and moves the query on. It tells whether there are more.
func (db *DB) look(ctx context.Context, sel *driver.Select, page *events.ResultPage) (more bool, err error) {
	if sel.Sieved() {
		rows := db.lookAtOnce
		if sel.Apart() {
			rows = max(1, rows/apart)
		}
		if sel.To, err = db.database.Reach(ctx, *sel, rows); err != nil {
			return false, err
		}
	}
	size, full := sizer{}, false
	err = db.database.Results(ctx, *sel, func(row driver.Row) (bool, error) {
		if err := size.add(row.Result); err != nil {
			return false, err
		}
		if full = len(page.Results) > 0 && size.bytes > maxPageBytes; full {
			return false, nil
		}
		page.Results = append(page.Results, *row.Result)
		page.Next = cursorOf(sel, placeOf(sel, row)).String()
		return true, nil
	})
	if err != nil || sel.To == nil {
		return false, err
	}
	sel.After = *sel.To
	if !full && len(page.Results) > 0 && len(page.Results) < sel.Limit { // there is nothing else up to there
		page.Next = cursorOf(sel, sel.After).String()
	}
	return true, nil
}

// placeOf is where a row is in the query's walk.
func placeOf(q *driver.Select, row driver.Row) driver.Place {
	at := driver.Place{Seq: row.Seq}
	switch q.Walk() {
	case driver.ByIndex:
		at.Major = row.Result.Index
	case driver.ByFinished:
		at.Major = driver.Nanos(row.Result.Finished)
	case driver.BySeq:
	}
	return at
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
