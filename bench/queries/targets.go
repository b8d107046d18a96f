package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	daysKept  = 366
	hoursKept = 48
	day       = 24 * time.Hour
)

func targetOf(n int) string { return fmt.Sprintf("page-%d", n) }

// fillTargets makes targets, and of each the buckets that a year of checks every minute has left. They come as they would have: day by day.
func (p place) fillTargets(ctx context.Context, url string, n int) error {
	if n == 0 {
		return nil
	}
	watched, err := apply(ctx, url, n)
	if err != nil {
		return err
	}
	today := uptime.InstantOf(time.Now()).Floor(day)
	model, err := dayOf(ctx, watched, today)
	if err != nil {
		return err
	}
	db, err := p.open(ctx, url)
	if err != nil {
		return err
	}
	for _, kept := range []struct {
		size uptime.Size
		n    int
	}{{uptime.Day, daysKept}, {uptime.Hour, hoursKept}} {
		row := model[uptime.Key{Target: watched.Targets[0].Num, Size: kept.size, Start: today}].Row()
		last := uptime.InstantOf(time.Now()).Floor(time.Duration(kept.size))
		first := last.Add(-time.Duration(kept.n-1) * time.Duration(kept.size))
		err = errors.Join(err, save(ctx, db, watched.Targets, row, kept.size, first, last))
	}
	return errors.Join(err, db.Close())
}

// apply makes the targets.
func apply(ctx context.Context, url string, n int) (w store.Watched, err error) {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	d := &uptime.Document{Targets: make([]events.Target, n)}
	for i := range d.Targets {
		params, err := json.Marshal(map[string]string{"url": fmt.Sprintf("https://host%d.example.com/some/page", i)})
		if err != nil {
			return w, err
		}
		d.Targets[i] = events.Target{
			Name: targetOf(i), Group: "web", Owner: "Ada", Recipe: "uptime", Params: params, IntervalMS: time.Minute.Milliseconds(), Failures: 1, Successes: 1,
		}
	}
	if _, err := db.ApplyTargets(ctx, d, store.ApplyOptions{}); err != nil {
		return w, err
	}
	return db.Watched(ctx)
}

// dayOf judges a day of checks of the first target.
func dayOf(ctx context.Context, w store.Watched, from uptime.Instant) (map[uptime.Key]*uptime.Bucket, error) {
	t := w.Targets[0].Target
	r := uptime.NewRound()
	r.Policy, r.Sites = uptime.DefaultPolicy(), len(w.Targets)
	r.Seen = func(uptime.Instant) ([]uptime.Witness, error) { return nil, nil }
	r.Answering = func(uptime.Instant, int) ([]uptime.Witness, error) { return nil, nil }
	r.Load(t, uptime.State{})
	for at := t.Next(from - 1); at < from.Add(day); at = t.Next(at) {
		id := w.Secret.Check(t, at, false)
		r.Add(t.Num, t.Judge(ctx, id, &events.Result{
			ID: id.String(), Recipe: t.Recipe, Status: events.StatusOK, Fetch: &events.FetchFacts{Status: 200, ElapsedMS: float64(20 + at/60_000*37%400)},
			Submitted: at.Time(), Finished: at.Add(time.Second).Time(),
		}))
	}
	if err := r.Run(); err != nil {
		return nil, err
	}
	return r.Buckets(), nil
}

// save writes such a bucket for each target and each time.
func save(ctx context.Context, db driver.Database, targets []store.WatchedTarget, row uptime.Row, size uptime.Size, from, until uptime.Instant) error {
	var list []driver.Bucket
	flush := func() error {
		err := db.Write(ctx, func(ctx context.Context, tx driver.Tx) error { return tx.SaveBuckets(ctx, list) })
		list = list[:0]
		return err
	}
	for at := from; at <= until; at = at.Add(time.Duration(size)) {
		for _, t := range targets {
			list = append(list, driver.Bucket{Key: uptime.Key{Target: t.Num, Size: size, Start: at}, Row: row})
			if len(list) == group {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}
