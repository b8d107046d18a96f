package postgres

import (
	"context"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
)

// Watch is driver.WatchReader's.
func (db *DB) Watch(ctx context.Context) (driver.Watch, error) {
	return driver.ScanWatch(db.read.QueryRow(ctx, sqlWatch))
}

// Targets is driver.WatchReader's.
func (db *DB) Targets(ctx context.Context, q driver.TargetSelect) ([]driver.Target, error) {
	if q.Name != "" {
		return collect(driver.ScanTarget)(db.read.Query(ctx, sqlTargetNamed, encode(q.Name)))
	}
	return collect(driver.ScanTarget)(db.read.Query(ctx, sqlTargets, encode(q.After), encode(q.Group), encode(q.Owner), encode(q.Phase), q.Limit))
}

// Rechecks is driver.WatchReader's.
func (db *DB) Rechecks(ctx context.Context, from, until uptime.Instant) ([]driver.Recheck, error) {
	return collect(driver.ScanRecheck)(db.read.Query(ctx, sqlRechecks, int64(from), int64(until)))
}

// Buckets is driver.WatchReader's.
func (db *DB) Buckets(ctx context.Context, targets []int64, size uptime.Size, from uptime.Instant) ([]driver.Bucket, error) {
	return collect(driver.ScanBucket)(db.read.Query(ctx, sqlBuckets, targets, driver.Seconds(size), int64(from)))
}

// DaySums is driver.WatchReader's.
func (db *DB) DaySums(ctx context.Context, targets []int64, from [3]uptime.Instant) ([]driver.Sums, error) {
	return collect(driver.ScanSums)(db.read.Query(ctx, sqlDaySums, targets, int64(from[0]), int64(from[1]), int64(from[2]), int64(min(from[0], from[1], from[2]))))
}

// Incidents is driver.WatchReader's.
func (db *DB) Incidents(ctx context.Context, q driver.IncidentSelect) ([]driver.Incident, error) {
	switch {
	case q.Name != "":
		return collect(scanIncident)(db.read.Query(ctx, sqlIncidentsNamed, encode(q.Name), q.Open, int64(q.Before), int64(q.Target), q.Limit))
	case q.Open:
		return collect(scanIncident)(db.read.Query(ctx, sqlIncidentsOpen, int64(q.Before), int64(q.Target), q.Limit))
	default:
		return collect(scanIncident)(db.read.Query(ctx, sqlIncidents, int64(q.Before), int64(q.Target), q.Limit))
	}
}

// scanIncident is driver.ScanIncident for encoded text.
func scanIncident(s driver.Scanner) (driver.Incident, error) {
	i, err := driver.ScanIncident(s)
	i.Cause = decode(i.Cause)
	return i, err
}

// LastOutages is driver.WatchReader's.
func (db *DB) LastOutages(ctx context.Context, limit int) ([]uptime.Outage, error) {
	return collect(driver.ScanOutage)(db.read.Query(ctx, sqlLastOutages, limit))
}
