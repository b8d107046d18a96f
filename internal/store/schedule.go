package store

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
)

// Watched is what a scheduler has to know.
type Watched struct {
	Version int64 // of all of it
	Secret  uptime.Secret
	Targets []WatchedTarget // those that are to be looked at
}

// WatchedTarget is a target, with when its last check that was judged was due.
type WatchedTarget struct {
	*uptime.Target
	Last uptime.Instant
}

// Recheck says when to look at a target between its regular checks.
type Recheck = driver.Recheck

// watchedAtOnce is how many targets are read at a time.
const watchedAtOnce = 2000

// WatchVersion tells which version of the targets there is.
func (db *DB) WatchVersion(ctx context.Context) (int64, error) {
	w, err := db.database.Watch(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the version of the targets: %w", err)
	}
	return w.Version, nil
}

// Watched returns all targets that are to be looked at. What is changed while it reads makes another version.
func (db *DB) Watched(ctx context.Context) (Watched, error) {
	settings, err := db.database.Watch(ctx)
	if err != nil {
		return Watched{}, fmt.Errorf("read targets: %w", err)
	}
	w := Watched{Version: settings.Version, Secret: settings.Secret}
	sel := driver.TargetSelect{Limit: watchedAtOnce}
	for {
		rows, err := db.database.Targets(ctx, sel)
		if err != nil {
			return Watched{}, fmt.Errorf("read targets: %w", err)
		}
		for i := range rows {
			t, err := db.prepared.target(&rows[i])
			if err != nil {
				return Watched{}, err
			}
			s, err := stateOf(&rows[i])
			if err != nil {
				return Watched{}, err
			}
			if !t.Paused {
				w.Targets = append(w.Targets, WatchedTarget{t, s.Last})
			}
		}
		if len(rows) < watchedAtOnce {
			return w, nil
		}
		sel.After = rows[len(rows)-1].Name
	}
}

// Rechecks returns which targets are to be looked at between their regular checks in a time.
func (db *DB) Rechecks(ctx context.Context, from, until uptime.Instant) ([]Recheck, error) {
	list, err := db.database.Rechecks(ctx, from, until)
	if err != nil {
		return nil, fmt.Errorf("read which targets are to be looked at again: %w", err)
	}
	return list, nil
}
