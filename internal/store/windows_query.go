package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// listedStreams is how many streams the first page of windows has.
const listedStreams = 100

// Windows returns a page of windows without their answers, those that end last first. Errors of the query itself wrap ErrQuery.
func (db *DB) Windows(ctx context.Context, q events.WindowQuery) (events.WindowPage, error) {
	page := events.WindowPage{Windows: []events.Window{}}
	sel, err := selectWindows(q)
	if err != nil {
		return page, err
	}
	rows, err := db.database.Windows(ctx, sel)
	if err != nil {
		return page, fmt.Errorf("query windows: %w", err)
	}
	if len(rows) == sel.Limit {
		rows = rows[:len(rows)-1]
		last := rows[len(rows)-1]
		page.Next = windowCursor(driver.WindowPlace{End: last.End, ID: last.ID})
	}
	for i := range rows {
		page.Windows = append(page.Windows, windowOf(&rows[i]))
	}
	if q.After == "" {
		page.Streams, err = db.windowStreams(ctx, q.Recipe)
	}
	return page, err
}

func selectWindows(q events.WindowQuery) (driver.WindowSelect, error) {
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return driver.WindowSelect{}, err
	}
	switch {
	case q.Key != "" && q.Recipe == "":
		return driver.WindowSelect{}, queryError("key needs a recipe: say whose windows it is about")
	case !utf8.ValidString(q.Key) || !utf8.ValidString(q.Recipe):
		return driver.WindowSelect{}, queryError("recipe or key is not text")
	}
	sel := driver.WindowSelect{Recipe: q.Recipe, Key: q.Key, Limit: limit + 1, Before: driver.WindowPlace{End: math.MaxInt64, ID: math.MaxInt64}}
	switch q.State {
	case "", events.WindowClosed:
	case events.WindowOpen:
		sel.Open = true
	default:
		return sel, queryError("unknown state %.40q: use open or closed", string(q.State))
	}
	if q.After != "" {
		if sel.Before, err = parseWindowCursor(q.After); err != nil {
			return sel, err
		}
	}
	return sel, nil
}

// Window returns all about a window; nil if nobody knows it.
func (db *DB) Window(ctx context.Context, id string) (*events.WindowDetail, error) {
	num, err := strconv.ParseInt(id, 10, 64)
	if err != nil || num <= 0 {
		return nil, queryError("id %.40q is not that of a window: ids are numbers, which windows ls tells", id)
	}
	rows, err := db.database.Window(ctx, num)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	w := &rows[0]
	streams, err := db.database.WindowStream(ctx, w.Stream)
	if err != nil {
		return nil, fmt.Errorf("window %s: %w", id, err)
	}
	d := &events.WindowDetail{Window: windowOf(w)}
	if len(streams) > 0 {
		if d.Stream, err = db.windowStream(&streams[0]); err != nil {
			return nil, err
		}
		if plan := db.windowBench.plan(streams[0].Spec); w.Open && plan != nil {
			if d.Reduced, err = windowAnswers(ctx, db.database, plan.Reductions, w.ID); err != nil {
				return nil, fmt.Errorf("window %s: %w", id, err)
			}
		}
	}
	if w.Answer != "" {
		if err := json.Unmarshal([]byte(w.Answer), &d.Reduced); err != nil {
			return nil, fmt.Errorf("answer of window %s: %w", id, err)
		}
	}
	return d, nil
}

func (db *DB) windowStreams(ctx context.Context, recipe string) ([]events.WindowStream, error) {
	rows, err := db.database.WindowStreams(ctx, recipe, listedStreams)
	if err != nil {
		return nil, fmt.Errorf("query how far windows are: %w", err)
	}
	var list []events.WindowStream
	for i := range rows {
		s, err := db.windowStream(&rows[i])
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (db *DB) windowStream(row *driver.WindowStream) (events.WindowStream, error) {
	progress, err := progressOf(row)
	if err != nil {
		return events.WindowStream{}, err
	}
	plan := db.windowBench.plan(row.Spec)
	if plan == nil {
		return events.WindowStream{}, fmt.Errorf("windows of recipe %s: %w", row.Recipe, window.ErrSpec)
	}
	return events.WindowStream{
		Recipe: row.Recipe, Kind: plan.Kind(), SizeMS: plan.Size.Milliseconds(), SlideMS: plan.Slide.Milliseconds(), GapMS: plan.Gap.Milliseconds(),
		LatenessMS: plan.Lateness.Milliseconds(), IdleMS: plan.Idle.Milliseconds(), By: plan.By, Time: plan.Time, Source: plan.Source,
		Watermark: instant(progress.Watermark), Sources: len(progress.Sources), Counted: row.Counted, Late: row.Late, Skipped: row.Skipped,
	}, nil
}

func windowCursor(at driver.WindowPlace) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "w.%d.%d", at.End, at.ID))
}

func parseWindowCursor(s string) (at driver.WindowPlace, err error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "w.%d.%d", &at.End, &at.ID)
	}
	if err != nil || windowCursor(at) != s {
		return at, queryError("after %.40q is not a place in the windows: use next of an earlier page", s)
	}
	return at, nil
}
