package driver

import (
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Scanner is a row of a database, whatever its library.
type Scanner interface{ Scan(dest ...any) error }

// What ScanRow and ScanBatch read, in this order. r is the table of results; the place and the batch of a result depend on who asks.
const (
	ResultFacts  = `r.id, r.recipe, r.key, r.status, r.reason, r.error, r.attempts, coalesce(r.value, ''), coalesce(r.fetch, ''), r.submitted, r.finished`
	BatchColumns = `num, name, recipe, state, cancel, announced, total, ok, failed, cancelled, created, updated, finished`
)

// ScanRow reads a sequence number, the number and the name of a batch, an index and ResultFacts.
func ScanRow(s Scanner) (Row, error) {
	row := Row{Result: new(events.Result)}
	r := row.Result
	var value, fetch string
	var submitted, finished int64
	err := s.Scan(&row.Seq, &row.Batch, &r.Batch, &r.Index, &r.ID, &r.Recipe, &r.Key, &r.Status, &r.Reason, &r.Error, &r.Attempts,
		&value, &fetch, &submitted, &finished)
	if err != nil {
		return Row{}, err
	}
	if value != "" {
		r.Value = json.RawMessage(value)
	}
	if fetch != "" {
		r.Fetch = new(events.FetchFacts)
		if err := json.Unmarshal([]byte(fetch), r.Fetch); err != nil {
			return Row{}, fmt.Errorf("fetch of result %s: %w", r.ID, err)
		}
	}
	r.Submitted, r.Finished = Time(submitted), Time(finished)
	return row, nil
}

// ScanBatch reads BatchColumns.
func ScanBatch(s Scanner) (Batch, error) {
	var b Batch
	var created, updated, finished int64
	err := s.Scan(&b.Num, &b.Batch.Batch, &b.Recipe, &b.State, &b.Cancel, &b.Announced, &b.Total, &b.OK, &b.Failed, &b.Cancelled,
		&created, &updated, &finished)
	b.Created, b.Updated, b.Finished = Time(created), Time(updated), Time(finished)
	return b, err
}

// Cursor is the answer to a query, whatever the library.
type Cursor interface {
	Scanner
	Next() bool
	Err() error
}

// Collect reads all rows. The caller closes them.
func Collect[T any](rows Cursor, scan func(Scanner) (T, error)) ([]T, error) {
	var list []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// ScanCount reads recipe, status, reason and n.
func ScanCount(s Scanner) (c events.Count, err error) {
	err = s.Scan(&c.Recipe, &c.Status, &c.Reason, &c.Count)
	return c, err
}

// AgedColumns are what ScanAged reads, of results r and their batches b.
const AgedColumns = `r.seq, r.finished, coalesce(b.finished, 1) = 0 OR EXISTS (
	SELECT 1 FROM borrowed w JOIN batches o ON o.num = w.batch WHERE w.result = r.seq AND o.finished = 0)`

// ScanAged reads AgedColumns.
func ScanAged(s Scanner) (a Aged, err error) {
	err = s.Scan(&a.Seq, &a.Finished, &a.InUse)
	return a, err
}

// ScanPlace reads major and seq.
func ScanPlace(s Scanner) (p Place, err error) {
	err = s.Scan(&p.Major, &p.Seq)
	return p, err
}

// Nearest returns the place that comes first in the query's walk; nil if there is none.
func Nearest(q Select, places []Place) *Place {
	var first *Place
	for i := range places {
		if first == nil || q.Before(places[i], *first) {
			first = &places[i]
		}
	}
	return first
}

// ScanOutbox reads id, subject, msg_id, type and data.
func ScanOutbox(s Scanner) (o OutboxRow, err error) {
	err = s.Scan(&o.ID, &o.Subject, &o.MsgID, &o.Type, &o.Data)
	return o, err
}
