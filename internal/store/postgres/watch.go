package postgres

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
)

// LoadWatch is driver.WatchTx's.
func (t *tx) LoadWatch(ctx context.Context) (driver.Watch, error) {
	return driver.ScanWatch(t.conn.QueryRow(ctx, sqlWatch))
}

// SaveWatch is driver.WatchTx's.
func (t *tx) SaveWatch(_ context.Context, w driver.Watch) error {
	t.last.Queue(sqlSaveWatch, w.Version, bytesOf(w.Secret), w.Policy, w.Sites, w.Channels)
	return nil
}

// bytesOf makes no bytes of nil, which would be NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// LoadTargets is driver.WatchTx's.
func (t *tx) LoadTargets(ctx context.Context, nums []int64) ([]driver.Target, error) {
	if len(nums) == 0 {
		return nil, nil
	}
	list, err := collect(driver.ScanTarget)(t.conn.Query(ctx, sqlLoadTargets, nums))
	if err != nil {
		return nil, fmt.Errorf("load targets: %w", err)
	}
	return list, nil
}

// AllTargets is driver.WatchTx's.
func (t *tx) AllTargets(ctx context.Context) ([]driver.Target, error) {
	return collect(driver.ScanTarget)(t.conn.Query(ctx, sqlAllTargets))
}

// targetArrays are the columns that AddTargets and ChangeTargets write.
func targetArrays(list []driver.Target) []any {
	type target = driver.Target
	return []any{
		column(list, func(n *target) string { return n.Name }),
		column(list, func(n *target) string { return n.Group }),
		column(list, func(n *target) string { return n.Owner }),
		column(list, func(n *target) string { return n.Spec }),
		column(list, func(n *target) string { return encode(n.Site) }),
		column(list, func(n *target) int64 { return n.Version }),
		column(list, func(n *target) int64 { return n.Revision }),
		column(list, func(n *target) string { return n.Phase }),
		column(list, func(n *target) int64 { return int64(n.Evidence) }),
		column(list, func(n *target) int64 { return int64(n.Said) }),
		column(list, func(n *target) int64 { return int64(n.Recheck) }),
		column(list, func(n *target) string { return n.State }),
	}
}

// AddTargets is driver.WatchTx's.
func (t *tx) AddTargets(_ context.Context, targets []driver.Target) error {
	if len(targets) > 0 {
		t.last.Queue(sqlAddTargets, targetArrays(targets)...)
	}
	return nil
}

// ChangeTargets is driver.WatchTx's.
func (t *tx) ChangeTargets(_ context.Context, targets []driver.Target) error {
	if len(targets) > 0 {
		t.last.Queue(sqlChangeTargets, append(targetArrays(targets), column(targets, func(n *driver.Target) int64 { return n.Num }))...)
	}
	return nil
}

// RemoveTargets is driver.WatchTx's.
func (t *tx) RemoveTargets(_ context.Context, nums []int64, now uptime.Instant) error {
	if len(nums) > 0 {
		t.last.Queue(sqlRemoveTargets, nums, int64(now))
	}
	return nil
}

// SaveStates is driver.WatchTx's.
func (t *tx) SaveStates(_ context.Context, states []driver.TargetState) error {
	if len(states) == 0 {
		return nil
	}
	type state = driver.TargetState
	t.last.Queue(sqlSaveStates,
		column(states, func(s *state) string { return s.Phase }),
		column(states, func(s *state) int64 { return int64(s.Evidence) }),
		column(states, func(s *state) int64 { return int64(s.Said) }),
		column(states, func(s *state) int64 { return int64(s.Recheck) }),
		column(states, func(s *state) string { return s.State }),
		column(states, func(s *state) int64 { return s.Num }))
	return nil
}

// SetRechecks is driver.WatchTx's.
func (t *tx) SetRechecks(_ context.Context, list []driver.Recheck) error {
	if len(list) > 0 {
		t.last.Queue(sqlSetRechecks,
			column(list, func(r *driver.Recheck) int64 { return r.Target }),
			column(list, func(r *driver.Recheck) int64 { return int64(r.At) }))
	}
	return nil
}

// Witnesses is driver.WatchTx's.
func (t *tx) Witnesses(ctx context.Context, since uptime.Instant) ([]uptime.Witness, error) {
	return collect(scanWitness)(t.conn.Query(ctx, sqlWitnesses, int64(since)))
}

// Answering is driver.WatchTx's.
func (t *tx) Answering(ctx context.Context, before uptime.Instant, limit int) ([]uptime.Witness, error) {
	return collect(scanWitness)(t.conn.Query(ctx, sqlAnswering, int64(before), limit))
}

// scanWitness is driver.ScanWitness for encoded text.
func scanWitness(s driver.Scanner) (uptime.Witness, error) {
	w, err := driver.ScanWitness(s)
	w.Site = decode(w.Site)
	return w, err
}

// LoadOutages is driver.WatchTx's.
func (t *tx) LoadOutages(ctx context.Context, from uptime.Instant) ([]uptime.Outage, error) {
	return collect(driver.ScanOutage)(t.conn.Query(ctx, sqlLoadOutages, int64(from)))
}

// SaveOutages is driver.WatchTx's.
func (t *tx) SaveOutages(_ context.Context, list []uptime.Outage) error {
	if len(list) == 0 {
		return nil
	}
	type outage = uptime.Outage
	t.last.Queue(sqlSaveOutages,
		column(list, func(o *outage) int64 { return int64(o.Since) }),
		column(list, func(o *outage) int64 { return int64(o.Until) }),
		column(list, func(o *outage) int64 { return int64(o.Recovering) }),
		column(list, func(o *outage) int64 { return int64(o.Sites) }),
		column(list, func(o *outage) int64 { return int64(o.Failing) }))
	return nil
}

// SaveIncidents is driver.WatchTx's.
func (t *tx) SaveIncidents(_ context.Context, list []driver.Incident) error {
	if len(list) == 0 {
		return nil
	}
	type incident = driver.Incident
	t.last.Queue(sqlSaveIncidents,
		column(list, func(i *incident) int64 { return int64(i.Target) }),
		column(list, func(i *incident) int64 { return int64(i.Since) }),
		column(list, func(i *incident) int64 { return int64(i.Until) }),
		column(list, func(i *incident) string { return i.Name }),
		column(list, func(i *incident) string { return i.Group }),
		column(list, func(i *incident) string { return encode(i.Cause) }),
		column(list, func(i *incident) string { return i.End }))
	return nil
}

// LoadBuckets is driver.WatchTx's.
func (t *tx) LoadBuckets(ctx context.Context, keys []uptime.Key) ([]driver.Bucket, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return collect(driver.ScanBucket)(t.conn.Query(ctx, sqlLoadBuckets,
		column(keys, func(k *uptime.Key) int64 { return int64(k.Target) }),
		column(keys, func(k *uptime.Key) int64 { return driver.Seconds(k.Size) }),
		column(keys, func(k *uptime.Key) int64 { return int64(k.Start) })))
}

// SaveBuckets is driver.WatchTx's.
func (t *tx) SaveBuckets(_ context.Context, list []driver.Bucket) error {
	if len(list) == 0 {
		return nil
	}
	type bucket = driver.Bucket
	t.last.Queue(sqlSaveBuckets,
		column(list, func(b *bucket) int64 { return int64(b.Target) }),
		column(list, func(b *bucket) int64 { return driver.Seconds(b.Size) }),
		column(list, func(b *bucket) int64 { return int64(b.Start) }),
		column(list, func(b *bucket) int64 { return b.Up }),
		column(list, func(b *bucket) int64 { return b.Down }),
		column(list, func(b *bucket) int64 { return b.Maintained }),
		column(list, func(b *bucket) int64 { return b.Ours }),
		column(list, func(b *bucket) int64 { return b.Unknown }),
		column(list, func(b *bucket) int64 { return b.Timed }),
		column(list, func(b *bucket) int64 { return b.SumMicros }),
		column(list, func(b *bucket) int64 { return b.MaxMicros }),
		column(list, func(b *bucket) []byte { return bytesOf(b.Times) }),
		column(list, func(b *bucket) []byte { return bytesOf(b.Minutes) }))
	return nil
}

// Prune is driver.WatchTx's.
func (t *tx) Prune(ctx context.Context, p driver.Prune) (more bool, err error) {
	for _, s := range []struct {
		text string
		args []any
	}{
		{sqlPruneMinutes, []any{int64(p.Minutes), int64(p.Hours), p.Limit}},
		{sqlPruneBuckets, []any{driver.Seconds(uptime.Hour), int64(p.Hours), p.Limit}},
		{sqlPruneBuckets, []any{driver.Seconds(uptime.Day), int64(p.Days), p.Limit}},
		{sqlPruneIncidents, []any{int64(p.Incidents), p.Limit}},
		{sqlPruneRemoved, []any{p.Limit}},
	} {
		tag, err := t.conn.Exec(ctx, s.text, s.args...)
		if err != nil {
			return false, fmt.Errorf("prune: %w", err)
		}
		more = more || tag.RowsAffected() == int64(p.Limit)
	}
	if !more {
		_, err = t.conn.Exec(ctx, sqlPruneTargets)
	}
	return more, err
}
