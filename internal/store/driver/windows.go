package driver

import (
	"context"
	"strings"
)

// WindowStream is how far the windows of a recipe are that its results have come with one spec for. Instants about windows are
// milliseconds since 1970.
type WindowStream struct {
	ID                     int64 // of the sequence
	Recipe                 string
	Spec                   string // JSON
	Watermark              int64
	Sources                string // JSON
	Counted, Late, Skipped int64

	NextEnd int64 // of the open window that ends first, math.MaxInt64 if there is none; of readers only
}

// Window is a window as it is stored.
type Window struct {
	ID                    int64 // of the sequence
	Stream                int64
	Recipe                string
	Kind                  string
	Key                   string
	Start, End            int64
	Open                  bool
	Closed                int64 // when; 0 while it is open
	OK, Failed, Cancelled int64
	Late                  int64
	Answer                string // JSON; empty while it is open, if there is none, and in lists
}

// WindowRange selects the open windows of a key that end after an instant and begin before another.
type WindowRange struct {
	Stream        int64
	Key           string
	After, Before int64
}

// LateWindow adds late results to the closed window of a key that ends first between two instants, both included, if it does not begin
// after another.
type LateWindow struct {
	Stream      int64
	Recipe, Key string
	From, Until int64
	Start       int64
	N           int64
}

// WindowPlace is a place among the windows: by their ends, and then by their ids.
type WindowPlace struct{ End, ID int64 }

// WindowSelect is a query for windows, those that end last first; empty fields do not restrict.
type WindowSelect struct {
	Recipe, Key string
	Open        bool
	Before      WindowPlace
	Limit       int
}

// OldWindow is what has to be known of a closed window to judge whether it can be deleted.
type OldWindow struct {
	WindowPlace
	Closed int64
}

// WindowReader answers queries about windows.
type WindowReader interface {
	// WindowStreams returns those of a recipe, or of all if it is "", by recipe and the newest first.
	WindowStreams(ctx context.Context, recipe string, limit int) ([]WindowStream, error)
	// WindowStream returns the one of an id; none if there is none.
	WindowStream(ctx context.Context, id int64) ([]WindowStream, error)
	// OpenWindowStreams returns those that have open windows.
	OpenWindowStreams(ctx context.Context) ([]WindowStream, error)
	Windows(ctx context.Context, q WindowSelect) ([]Window, error)
	// Window returns the one of an id; none if there is none.
	Window(ctx context.Context, id int64) ([]Window, error)
	// NthWindow returns the place of the n-th newest of the closed windows of a recipe; none if there are fewer.
	NthWindow(ctx context.Context, recipe string, n int64) ([]WindowPlace, error)
}

// WindowTx is the part of Tx that is about windows. What their results are reduced to is kept as that of sets of reductions, with the
// window's id in the place of the set's.
type WindowTx interface {
	// LoadWindowStreams returns all of these recipes.
	LoadWindowStreams(ctx context.Context, recipes []string) ([]WindowStream, error)
	// LoadWindowStream returns the one of an id with NextEnd; none if there is none.
	LoadWindowStream(ctx context.Context, id int64) ([]WindowStream, error)
	// SaveWindowStreams stores new ones, and what changes of those that there are.
	SaveWindowStreams(ctx context.Context, list []WindowStream) error
	// OpenWindows returns those in the ranges, each of which is of another key.
	OpenWindows(ctx context.Context, ranges []WindowRange) ([]Window, error)
	// DueWindows returns open windows of a stream that end then or before, those that end first first.
	DueWindows(ctx context.Context, stream, until int64, limit int) ([]Window, error)
	// SaveWindows stores new ones, and what changes of those that there are.
	SaveWindows(ctx context.Context, list []Window) error
	// DropWindows forgets windows, with what their results are reduced to.
	DropWindows(ctx context.Context, ids []int64) error
	// CountLate adds to closed windows, where they are still there.
	CountLate(ctx context.Context, list []LateWindow) error
	// OldWindows returns closed windows of a recipe after a place, those that end first first.
	OldWindows(ctx context.Context, recipe string, after WindowPlace, limit int) ([]OldWindow, error)
}

// What the functions below read, in this order; the first two, and with answer the third, are also what is written.
const (
	WindowStreamColumns = `id, recipe, spec, watermark, sources, counted, late, skipped`
	WindowColumns       = `id, stream, recipe, kind, key, start_at, end_at, open, closed, ok, failed, cancelled, late`
	// NextEnd is the end of the open window of the stream s that ends first.
	NextEnd = `coalesce((SELECT min(w.end_at) FROM windows w WHERE w.stream = s.id AND w.open = 1), 9223372036854775807)`
	// HasOpen is whether the stream s has an open window.
	HasOpen = `EXISTS (SELECT 1 FROM windows w WHERE w.stream = s.id AND w.open = 1)`
)

// ScanWindowStream reads WindowStreamColumns and NextEnd.
func ScanWindowStream(s Scanner) (w WindowStream, err error) {
	err = s.Scan(&w.ID, &w.Recipe, &w.Spec, &w.Watermark, &w.Sources, &w.Counted, &w.Late, &w.Skipped, &w.NextEnd)
	return w, err
}

// ScanWindow reads WindowColumns and answer.
func ScanWindow(s Scanner) (w Window, err error) {
	var open int64
	err = s.Scan(&w.ID, &w.Stream, &w.Recipe, &w.Kind, &w.Key, &w.Start, &w.End, &open, &w.Closed, &w.OK, &w.Failed, &w.Cancelled, &w.Late, &w.Answer)
	w.Open = open == 1
	return w, err
}

// ScanOldWindow reads end_at, id and closed.
func ScanOldWindow(s Scanner) (w OldWindow, err error) {
	err = s.Scan(&w.End, &w.ID, &w.Closed)
	return w, err
}

// ScanWindowPlace reads end_at and id.
func ScanWindowPlace(s Scanner) (p WindowPlace, err error) {
	err = s.Scan(&p.End, &p.ID)
	return p, err
}

// OpenFlag is how the tables say whether a window is open.
func OpenFlag(open bool) int64 {
	if open {
		return 1
	}
	return 0
}

// Windows writes the query for a page of windows, with the placeholders ? and their arguments, to be read by ScanWindow. Rows are found by
// walking along one index.
func (d Dialect) Windows(q WindowSelect) (string, []any) {
	terms, args, first := []string{`open = ?`}, []any{OpenFlag(q.Open)}, ``
	if q.Recipe != "" {
		terms, args, first = append(terms, d.is(`recipe`, `text`)), append(args, q.Recipe), `recipe DESC, `
	}
	if q.Key != "" {
		terms, args = append(terms, `key = ?`), append(args, q.Key)
	}
	args = append(args, q.Before.End, q.Before.ID, q.Limit)
	return `SELECT ` + WindowColumns + `, '' FROM windows WHERE ` + strings.Join(terms, ` AND `) +
		` AND (end_at, id) < (?, ?) ORDER BY ` + first + `end_at DESC, id DESC LIMIT ?`, args
}
