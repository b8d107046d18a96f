package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
)

// LoadWatch is driver.WatchTx's.
func (t tx) LoadWatch(ctx context.Context) (driver.Watch, error) {
	return driver.ScanWatch(t.conn.QueryRowContext(ctx, sqlWatch))
}

// SaveWatch is driver.WatchTx's.
func (t tx) SaveWatch(ctx context.Context, w driver.Watch) error {
	_, err := t.conn.ExecContext(ctx, sqlSaveWatch, w.Version, bytesOf(w.Secret), w.Policy, w.Sites, w.Channels)
	return err
}

// bytesOf makes no bytes of nil, which would be NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// LoadTargets is driver.WatchTx's.
func (t tx) LoadTargets(ctx context.Context, nums []int64) ([]driver.Target, error) {
	targets := make([]driver.Target, 0, len(nums))
	for _, num := range nums {
		one, err := driver.ScanTarget(t.target.QueryRowContext(ctx, num))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("target %d: %w", num, err)
		}
		targets = append(targets, one)
	}
	return targets, nil
}

// AllTargets is driver.WatchTx's.
func (t tx) AllTargets(ctx context.Context) ([]driver.Target, error) {
	return list(ctx, t.conn, driver.ScanTarget, sqlAllTargets)
}

// AddTargets is driver.WatchTx's.
func (t tx) AddTargets(ctx context.Context, targets []driver.Target) error {
	for i := range targets {
		n := &targets[i]
		_, err := t.conn.ExecContext(ctx, sqlAddTarget, n.Name, n.Group, n.Owner, n.Spec, n.Site, n.Version, n.Revision,
			n.Phase, n.Evidence, n.Said, n.Recheck, n.State)
		if err != nil {
			return fmt.Errorf("add target %s: %w", n.Name, err)
		}
	}
	return nil
}

// ChangeTargets is driver.WatchTx's.
func (t tx) ChangeTargets(ctx context.Context, targets []driver.Target) error {
	for i := range targets {
		n := &targets[i]
		_, err := t.conn.ExecContext(ctx, sqlChangeTarget, n.Group, n.Owner, n.Spec, n.Site, n.Version, n.Revision,
			n.Phase, n.Evidence, n.Said, n.Recheck, n.State, n.Num)
		if err != nil {
			return fmt.Errorf("change target %s: %w", n.Name, err)
		}
	}
	return nil
}

// RemoveTargets is driver.WatchTx's.
func (t tx) RemoveTargets(ctx context.Context, nums []int64, now uptime.Instant) error {
	for _, num := range nums {
		if _, err := t.conn.ExecContext(ctx, sqlRemoveTarget, now, num); err != nil {
			return fmt.Errorf("remove target %d: %w", num, err)
		}
	}
	return nil
}

// SaveStates is driver.WatchTx's.
func (t tx) SaveStates(ctx context.Context, states []driver.TargetState) error {
	for _, s := range states {
		if _, err := t.saveState.ExecContext(ctx, s.Phase, s.Evidence, s.Said, s.Recheck, s.State, s.Num); err != nil {
			return fmt.Errorf("save the state of target %d: %w", s.Num, err)
		}
	}
	return nil
}

// SetRechecks is driver.WatchTx's.
func (t tx) SetRechecks(ctx context.Context, list []driver.Recheck) error {
	for _, r := range list {
		if _, err := t.conn.ExecContext(ctx, sqlSetRecheck, r.At, r.Target); err != nil {
			return fmt.Errorf("set a recheck of target %d: %w", r.Target, err)
		}
	}
	return nil
}

// Witnesses is driver.WatchTx's.
func (t tx) Witnesses(ctx context.Context, since uptime.Instant) ([]uptime.Witness, error) {
	return list(ctx, t.conn, driver.ScanWitness, sqlWitnesses, since)
}

// Answering is driver.WatchTx's.
func (t tx) Answering(ctx context.Context, before uptime.Instant, limit int) ([]uptime.Witness, error) {
	return list(ctx, t.conn, driver.ScanWitness, sqlAnswering, before, limit)
}

// LoadOutages is driver.WatchTx's.
func (t tx) LoadOutages(ctx context.Context, from uptime.Instant) ([]uptime.Outage, error) {
	return list(ctx, t.conn, driver.ScanOutage, sqlLoadOutages, from)
}

// SaveOutages is driver.WatchTx's.
func (t tx) SaveOutages(ctx context.Context, list []uptime.Outage) error {
	for _, o := range list {
		if _, err := t.conn.ExecContext(ctx, sqlSaveOutage, o.Since, o.Until, o.Recovering, o.Sites, o.Failing); err != nil {
			return fmt.Errorf("save an outage: %w", err)
		}
	}
	return nil
}

// SaveIncidents is driver.WatchTx's.
func (t tx) SaveIncidents(ctx context.Context, list []driver.Incident) error {
	for _, i := range list {
		if _, err := t.conn.ExecContext(ctx, sqlSaveIncident, i.Target, i.Since, i.Until, i.Name, i.Group, i.Cause, i.End); err != nil {
			return fmt.Errorf("save an incident of target %s: %w", i.Name, err)
		}
	}
	return nil
}

// LoadBuckets is driver.WatchTx's.
func (t tx) LoadBuckets(ctx context.Context, keys []uptime.Key) ([]driver.Bucket, error) {
	var buckets []driver.Bucket
	for _, k := range keys {
		b, err := driver.ScanBucket(t.bucket.QueryRowContext(ctx, k.Target, driver.Seconds(k.Size), k.Start))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("bucket of target %d: %w", k.Target, err)
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// SaveBuckets is driver.WatchTx's.
func (t tx) SaveBuckets(ctx context.Context, list []driver.Bucket) error {
	for i := range list {
		b := &list[i]
		_, err := t.saveBucket.ExecContext(ctx, b.Target, driver.Seconds(b.Size), b.Start, b.Up, b.Down, b.Maintained, b.Ours, b.Unknown,
			b.Timed, b.SumMicros, b.MaxMicros, bytesOf(b.Times), bytesOf(b.Minutes))
		if err != nil {
			return fmt.Errorf("save a bucket of target %d: %w", b.Target, err)
		}
	}
	return nil
}

// Prune is driver.WatchTx's.
func (t tx) Prune(ctx context.Context, p driver.Prune) (more bool, err error) {
	for _, s := range []struct {
		text string
		args []any
	}{
		{sqlPruneMinutes, []any{p.Minutes, p.Hours, p.Limit}},
		{sqlPruneBuckets, []any{driver.Seconds(uptime.Hour), p.Hours, p.Limit}},
		{sqlPruneBuckets, []any{driver.Seconds(uptime.Day), p.Days, p.Limit}},
		{sqlPruneIncidents, []any{p.Incidents, p.Limit}},
		{sqlPruneRemoved, []any{p.Limit}},
	} {
		res, err := t.conn.ExecContext(ctx, s.text, s.args...)
		if err != nil {
			return false, fmt.Errorf("prune: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return false, fmt.Errorf("prune: %w", err)
		}
		more = more || n == int64(p.Limit)
	}
	if !more {
		_, err = t.conn.ExecContext(ctx, sqlPruneTargets)
	}
	return more, err
}

// Watch is driver.WatchReader's.
func (db *DB) Watch(ctx context.Context) (driver.Watch, error) {
	return driver.ScanWatch(db.read.QueryRowContext(ctx, sqlWatch))
}

// Targets is driver.WatchReader's.
func (db *DB) Targets(ctx context.Context, q driver.TargetSelect) ([]driver.Target, error) {
	if q.Name != "" {
		return list(ctx, db.read, driver.ScanTarget, sqlTargetNamed, q.Name)
	}
	return list(ctx, db.read, driver.ScanTarget, sqlTargets, q.After, q.Group, q.Owner, q.Phase, q.Limit)
}

// Rechecks is driver.WatchReader's.
func (db *DB) Rechecks(ctx context.Context, from, until uptime.Instant) ([]driver.Recheck, error) {
	return list(ctx, db.read, driver.ScanRecheck, sqlRechecks, from, until)
}

// Buckets is driver.WatchReader's.
func (db *DB) Buckets(ctx context.Context, targets []int64, size uptime.Size, from uptime.Instant) ([]driver.Bucket, error) {
	return list(ctx, db.read, driver.ScanBucket, sqlBuckets, array(targets), driver.Seconds(size), from)
}

// array is a list as JSON, which a query can read as a table.
func array(list []int64) string {
	data, _ := json.Marshal(list) // numbers can always be encoded
	return string(data)
}

// DaySums is driver.WatchReader's.
func (db *DB) DaySums(ctx context.Context, targets []int64, from [3]uptime.Instant) ([]driver.Sums, error) {
	return list(ctx, db.read, driver.ScanSums, sqlDaySums, array(targets), from[0], from[1], from[2], min(from[0], from[1], from[2]))
}

// Incidents is driver.WatchReader's.
func (db *DB) Incidents(ctx context.Context, q driver.IncidentSelect) ([]driver.Incident, error) {
	switch {
	case q.Name != "":
		return list(ctx, db.read, driver.ScanIncident, sqlIncidentsNamed, q.Name, q.Open, q.Before, q.Target, q.Limit)
	case q.Open:
		return list(ctx, db.read, driver.ScanIncident, sqlIncidentsOpen, q.Before, q.Target, q.Limit)
	default:
		return list(ctx, db.read, driver.ScanIncident, sqlIncidents, q.Before, q.Target, q.Limit)
	}
}

// LastOutages is driver.WatchReader's.
func (db *DB) LastOutages(ctx context.Context, limit int) ([]uptime.Outage, error) {
	return list(ctx, db.read, driver.ScanOutage, sqlLastOutages, limit)
}
