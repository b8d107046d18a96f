package driver

import (
	"context"

	"github.com/fetchmill/fetchmill/internal/uptime"
)

// Watch is what is for all targets together.
type Watch struct {
	Version  int64  // grows when targets are added, changed or removed
	Secret   []byte // empty before there are targets
	Policy   string // about outages of our own, JSON; empty for the default
	Sites    int
	Channels string // of all targets, a JSON array
}

// Target is a target as it is stored.
type Target struct {
	Name     string
	Group    string
	Owner    string
	Spec     string // as applied, JSON
	Site     string
	Version  int64 // Watch.Version when it was changed last
	Revision int64 // how often what is asked has changed
	TargetState
}

// TargetState is what is known about a target.
type TargetState struct {
	Num      int64
	Phase    string // new, up, down or paused
	Evidence uptime.Evidence
	Said     uptime.Instant // since when it says so
	Recheck  uptime.Instant // 0 is none
	State    string         // uptime.State, JSON
}

// Recheck says when to look at a target between its regular checks.
type Recheck struct {
	Target int64
	At     uptime.Instant
}

// Bucket is what is kept about an hour or a day of a target.
type Bucket struct {
	uptime.Key
	uptime.Row
}

// Incident is an incident with the name of its target, which may be removed.
type Incident struct {
	uptime.Incident
	Name, Group string
}

// Sums are the milliseconds in which a target was up and down, since three times that the query names.
type Sums struct {
	Target   uint32
	Up, Down [3]int64
}

// TargetSelect is a query for targets, in the order of their names; empty fields do not restrict.
type TargetSelect struct {
	Name, Group, Owner, Phase string
	After                     string // a name
	Limit                     int
}

// IncidentSelect is a query for incidents, newest first; empty fields do not restrict.
type IncidentSelect struct {
	Name   string
	Open   bool           // only those that last
	Before uptime.Instant // and of those that began then, the targets with numbers below Target
	Target uint32
	Limit  int
}

// WatchReader answers queries about targets. Those that are removed are not there, but for their incidents.
type WatchReader interface {
	Watch(ctx context.Context) (Watch, error)
	Targets(ctx context.Context, q TargetSelect) ([]Target, error)
	// Rechecks returns those that are due in a time.
	Rechecks(ctx context.Context, from, until uptime.Instant) ([]Recheck, error)
	// Buckets returns those of a size that begin at a time or later.
	Buckets(ctx context.Context, targets []int64, size uptime.Size, from uptime.Instant) ([]Bucket, error)
	// DaySums sums up days that begin at three times or later.
	DaySums(ctx context.Context, targets []int64, from [3]uptime.Instant) ([]Sums, error)
	Incidents(ctx context.Context, q IncidentSelect) ([]Incident, error)
	// LastOutages returns the newest, newest first.
	LastOutages(ctx context.Context, limit int) ([]uptime.Outage, error)
}

// WatchTx is the part of Tx that is about targets. Lists that it is given may be empty, and have each thing once.
type WatchTx interface {
	LoadWatch(ctx context.Context) (Watch, error)
	SaveWatch(ctx context.Context, w Watch) error

	// LoadTargets returns those of these numbers that are not removed.
	LoadTargets(ctx context.Context, nums []int64) ([]Target, error)
	// AllTargets returns all that are not removed.
	AllTargets(ctx context.Context) ([]Target, error)
	// AddTargets makes targets, whose numbers it gives.
	AddTargets(ctx context.Context, targets []Target) error
	// ChangeTargets replaces all but the numbers and the names.
	ChangeTargets(ctx context.Context, targets []Target) error
	RemoveTargets(ctx context.Context, nums []int64, now uptime.Instant) error
	SaveStates(ctx context.Context, states []TargetState) error
	// SetRechecks has targets looked at then, unless they are anyhow before.
	SetRechecks(ctx context.Context, list []Recheck) error

	// Witnesses returns what targets say, and have said since an instant or later.
	Witnesses(ctx context.Context, since uptime.Instant) ([]uptime.Witness, error)
	// Answering returns targets that answer and have said so before an instant, those longest ago first, and then by their numbers.
	Answering(ctx context.Context, before uptime.Instant, limit int) ([]uptime.Witness, error)
	// LoadOutages returns those that last and those that ended after an instant, the oldest first.
	LoadOutages(ctx context.Context, from uptime.Instant) ([]uptime.Outage, error)
	SaveOutages(ctx context.Context, list []uptime.Outage) error
	SaveIncidents(ctx context.Context, list []Incident) error

	// LoadBuckets returns those of the keys that are there.
	LoadBuckets(ctx context.Context, keys []uptime.Key) ([]Bucket, error)
	SaveBuckets(ctx context.Context, list []Bucket) error
	// Prune forgets some of what is too old, and tells whether there is more.
	Prune(ctx context.Context, p Prune) (more bool, err error)
}

// Prune says what is too old.
type Prune struct {
	Minutes, Hours, Days, Incidents uptime.Instant // before them
	Limit                           int            // rows of each kind
}

// Seconds is a size as the tables have it.
func Seconds(s uptime.Size) int64 { return int64(s) / 1e9 }

// What the functions below read, in this order.
const (
	TargetColumns   = `num, name, grp, owner, spec, site, version, revision, phase, evidence, said, recheck, state`
	BucketColumns   = `target, size, start, up, down, maintained, ours, unknown, timed, sum_us, max_us, times, minutes`
	IncidentColumns = `target, since, until, name, grp, cause, ended`
	OutageColumns   = `since, until, recovering, sites, failing`
	WitnessColumns  = `num, site, evidence, said`
	WatchColumns    = `version, secret, policy, sites, channels`
)

// ScanTarget reads TargetColumns.
func ScanTarget(s Scanner) (t Target, err error) {
	err = s.Scan(&t.Num, &t.Name, &t.Group, &t.Owner, &t.Spec, &t.Site, &t.Version, &t.Revision, &t.Phase, &t.Evidence, &t.Said, &t.Recheck, &t.State)
	return t, err
}

// ScanBucket reads BucketColumns.
func ScanBucket(s Scanner) (b Bucket, err error) {
	var seconds int64
	err = s.Scan(&b.Target, &seconds, &b.Start, &b.Up, &b.Down, &b.Maintained, &b.Ours, &b.Unknown, &b.Timed, &b.SumMicros, &b.MaxMicros,
		&b.Times, &b.Minutes)
	b.Size = uptime.Size(seconds * 1e9)
	return b, err
}

// ScanIncident reads IncidentColumns.
func ScanIncident(s Scanner) (i Incident, err error) {
	err = s.Scan(&i.Target, &i.Since, &i.Until, &i.Name, &i.Group, &i.Cause, &i.End)
	return i, err
}

// ScanOutage reads OutageColumns.
func ScanOutage(s Scanner) (o uptime.Outage, err error) {
	err = s.Scan(&o.Since, &o.Until, &o.Recovering, &o.Sites, &o.Failing)
	return o, err
}

// ScanWitness reads WitnessColumns.
func ScanWitness(s Scanner) (w uptime.Witness, err error) {
	err = s.Scan(&w.Target, &w.Site, &w.Evidence, &w.At)
	return w, err
}

// ScanWatch reads WatchColumns.
func ScanWatch(s Scanner) (w Watch, err error) {
	err = s.Scan(&w.Version, &w.Secret, &w.Policy, &w.Sites, &w.Channels)
	return w, err
}

// ScanRecheck reads a number and an instant.
func ScanRecheck(s Scanner) (r Recheck, err error) {
	err = s.Scan(&r.Target, &r.At)
	return r, err
}

// ScanSums reads a number and three pairs of sums.
func ScanSums(s Scanner) (t Sums, err error) {
	err = s.Scan(&t.Target, &t.Up[0], &t.Down[0], &t.Up[1], &t.Down[1], &t.Up[2], &t.Down[2])
	return t, err
}
