package store

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/uptime/uptimetest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// sites makes a document of targets, each of a site of its own.
func sites(n int, change func(i int, t *events.Target)) *uptime.Document {
	d := &uptime.Document{}
	for i := range n {
		t := events.Target{
			Name: fmt.Sprintf("site%02d", i), Group: []string{"web", "db"}[i%2], Owner: "Ada", Channels: []string{"ops"}, Recipe: "uptime",
			Params:     json.RawMessage(fmt.Sprintf(`{"url":"https://site%02d.example/"}`, i)),
			IntervalMS: 60_000, RecheckMS: 10_000, Failures: 3, Successes: 1, CertificateDays: 14,
		}
		if change != nil {
			change(i, &t)
		}
		d.Targets = append(d.Targets, t)
	}
	return d
}

// apply applies a document and returns what a scheduler then sees.
func apply(t *testing.T, db *DB, d *uptime.Document, o ApplyOptions) Watched {
	t.Helper()
	_, err := db.ApplyTargets(t.Context(), d, o)
	require.NoError(t, err)
	w, err := db.Watched(t.Context())
	require.NoError(t, err)
	return w
}

// checked is the result of a check.
func checked(w Watched, target *uptime.Target, at uptime.Instant, recheck, up bool) *events.Result {
	r := &events.Result{
		ID: w.Secret.Check(target, at, recheck).String(), Recipe: "uptime", Key: target.URL(), Status: events.StatusOK,
		Fetch: &events.FetchFacts{Status: 200, ElapsedMS: float64(10 + at%50)}, Submitted: at.Time(), Finished: at.Add(150 * time.Millisecond).Time(),
	}
	if !up {
		r.Status, r.Reason, r.Error, r.Fetch.Status = events.StatusFailed, events.ReasonHTTPStatus, "status 503", 503
	}
	return r
}

// watchModel plays checks to a database, or to several on the same data, and to a serial model.
type watchModel struct {
	*testing.T
	rnd    *rand.Rand
	dbs    []*DB
	url    string
	atOnce int // how many commit at the same time
	step   int // seconds at most between commits
	ledger *uptimetest.Ledger
	seen   map[string]bool  // ids that were new once
	again  []*events.Result // results that somebody has to commit again
}

// commit commits results together with some that have been committed before, in one transaction or in several at the same time, which share
// some. Sometimes a process dies after it, before it can acknowledge them. The model judges what each was the first to have, in the order in
// which they came.
func (m *watchModel) commit(results []*events.Result) {
	m.Helper()
	group := slices.Concat(m.again, results)
	m.again = nil
	m.rnd.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	for _, r := range group {
		if m.rnd.IntN(20) == 0 {
			m.again = append(m.again, r)
		}
	}
	k := m.rnd.IntN(len(m.dbs))
	parts := m.parts(group)
	came := make([][]uptimetest.Check, len(parts))
	var work sync.WaitGroup
	for i, part := range parts {
		work.Go(func() { came[i] = m.fresh(m.dbs[(k+i)%len(m.dbs)], part) })
	}
	work.Wait()
	require.False(m, m.Failed())
	if m.atOnce > 1 {
		m.sort(came)
	}
	for _, fresh := range came {
		for _, c := range fresh {
			require.False(m, m.seen[c.Result.ID], "each is new once")
			m.seen[c.Result.ID] = true
		}
		require.NoError(m, m.ledger.Commit(fresh...))
	}
	for _, r := range group {
		require.True(m, m.seen[r.ID], "each is new once")
	}
	if m.rnd.IntN(25) == 0 {
		require.NoError(m, m.dbs[k].Close())
		var err error
		m.dbs[k], err = Open(m.Context(), m.url, Options{Synchronous: SynchronousNormal})
		require.NoError(m, err)
		m.again = append(m.again, group...)
	}
}

// parts deals out results to those that commit at the same time, some of them to two.
func (m *watchModel) parts(group []*events.Result) [][]*events.Result {
	parts := make([][]*events.Result, m.atOnce)
	for _, r := range group {
		i := m.rnd.IntN(m.atOnce)
		parts[i] = append(parts[i], r)
		if other := m.rnd.IntN(m.atOnce); other != i {
			parts[other] = append(parts[other], r)
		}
	}
	return parts
}

// fresh commits results and returns those that were new, as checks.
func (m *watchModel) fresh(db *DB, part []*events.Result) (fresh []uptimetest.Check) {
	entries := make([]Entry, len(part))
	for i, r := range part {
		entries[i] = Entry{Result: r}
	}
	outcomes, err := db.Commit(m.Context(), entries)
	if !assert.NoError(m, err) {
		return nil
	}
	for i, o := range outcomes {
		id, ok := events.ParseCheckID(part[i].ID)
		assert.True(m, ok)
		if o.New {
			fresh = append(fresh, uptimetest.Check{ID: id, Result: part[i]})
		}
	}
	return fresh
}

// sort puts what was committed at the same time into the order of the transactions, which that of the rows tells.
func (m *watchModel) sort(came [][]uptimetest.Check) {
	m.Helper()
	page, err := m.dbs[0].Results(m.Context(), events.ResultQuery{Order: events.OrderNewest, Limit: 1000})
	require.NoError(m, err)
	age := func(one []uptimetest.Check) int {
		if len(one) == 0 {
			return 0
		}
		at := slices.IndexFunc(page.Results, func(r events.Result) bool { return r.ID == one[0].Result.ID })
		require.GreaterOrEqual(m, at, 0)
		return at
	}
	slices.SortFunc(came, func(a, b []uptimetest.Check) int { return age(b) - age(a) })
}

// check compares all that is kept with the model.
func (m *watchModel) check() {
	m.Helper()
	db := m.dbs[0].database
	rows, err := db.Targets(m.Context(), driver.TargetSelect{Limit: 1000})
	require.NoError(m, err)
	require.Len(m, rows, len(m.ledger.Targets))
	var nums []int64
	for i := range rows {
		nums = append(nums, rows[i].Num)
		got, err := stateOf(&rows[i])
		require.NoError(m, err)
		want := m.ledger.States[uint32(rows[i].Num)]
		require.Equal(m, asJSON(m.T, want), asJSON(m.T, got), rows[i].Name)
		require.Equal(m, want.Recheck, got.Recheck, rows[i].Name)
		evidence, said := want.Evidence()
		require.Equal(m, evidence, rows[i].Evidence)
		require.Equal(m, said, rows[i].Said)
	}
	buckets := 0
	for _, size := range []uptime.Size{uptime.Hour, uptime.Day} {
		list, err := db.Buckets(m.Context(), nums, size, 0)
		require.NoError(m, err)
		for _, b := range list {
			buckets++
			require.Equal(m, m.ledger.Buckets[b.Key].Row(), normal(b.Row), b.Key)
		}
	}
	require.Len(m, m.ledger.Buckets, buckets)
	incidents, err := db.Incidents(m.Context(), driver.IncidentSelect{Before: 1 << 60, Limit: 10_000})
	require.NoError(m, err)
	require.Len(m, incidents, len(m.ledger.Incidents))
	for _, i := range incidents {
		require.Equal(m, m.ledger.Incidents[uptimetest.Incident{Target: i.Target, Since: i.Since}], i.Incident)
		require.Equal(m, m.ledger.Targets[i.Target].Name, i.Name)
	}
	outages, err := db.LastOutages(m.Context(), 1000)
	require.NoError(m, err)
	require.ElementsMatch(m, m.ledger.Outages, outages)
	outbox, err := m.dbs[0].Outbox(m.Context(), 10_000)
	require.NoError(m, err)
	var told []uptime.Message
	for _, o := range outbox {
		told = append(told, uptime.Message{Subject: o.Subject, MsgID: o.MsgID, Type: o.Type, Data: o.Data})
	}
	require.Equal(m, m.ledger.Messages, told)
}

// normal makes no difference between no bytes and none.
func normal(r uptime.Row) uptime.Row {
	for _, b := range []*[]byte{&r.Times, &r.Minutes} {
		if len(*b) == 0 {
			*b = nil
		}
	}
	return r
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// testWatchEqualsModel looks at targets for some hours in which sites and our own connection fail at random, with results that come late, out
// of order and more than once, and processes that die between commit and acknowledgement. Some commit one after the other, some at the same time.
func (r rig) testWatchEqualsModel(t *testing.T) {
	for seed, row := range []struct{ atOnce, step int }{{1, 15}, {1, 15}, {1, 15}, {3, 90}, {3, 90}} {
		t.Run(fmt.Sprintf("seed %d, %d at the same time", seed, row.atOnce), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(seed), 3))
			url := r.fresh(t)
			db, err := Open(t.Context(), url, Options{Synchronous: SynchronousNormal})
			require.NoError(t, err)
			m := &watchModel{T: t, rnd: rnd, dbs: []*DB{db}, url: url, atOnce: row.atOnce, step: row.step, seen: map[string]bool{}}
			for db.Shared() && len(m.dbs) < 3 {
				replica, err := Open(t.Context(), url, Options{Synchronous: SynchronousNormal})
				require.NoError(t, err)
				m.dbs = append(m.dbs, replica)
			}
			from := uptime.InstantOf(noon)
			w := apply(t, db, sites(24, func(i int, s *events.Target) {
				s.Failures, s.Successes, s.RemindMS = 1+i%4, 1+i%2, 900_000
				s.IntervalMS = []int64{60_000, 120_000, 300_000}[i%3]
				if i%5 == 0 {
					s.Maintenance = []events.Maintenance{{From: from.Add(50 * time.Minute).Time(), ForMS: 1_200_000}}
				}
			}), ApplyOptions{})
			var targets []*uptime.Target
			for _, one := range w.Targets {
				targets = append(targets, one.Target)
			}
			m.ledger = uptimetest.New(uptime.DefaultPolicy(), targets...)
			m.ledger.Channels = []string{"ops"}
			m.play(w, from, from.Add(3*time.Hour))
			m.check()
			require.NotEmpty(t, m.ledger.Incidents)
			require.NotEmpty(t, m.ledger.Outages)
			for _, db := range m.dbs {
				require.NoError(t, db.Close())
			}
		})
	}
}

// play lets time pass in steps of some seconds and commits what was due in them.
func (m *watchModel) play(w Watched, from, until uptime.Instant) {
	m.Helper()
	down := map[uint32]uptime.Instant{} // until when
	var ours uptime.Instant
	var late []*events.Result
	for now := from; now < until; {
		next := now.Add(time.Duration(1+m.rnd.IntN(m.step)) * time.Second)
		if m.rnd.IntN(400) == 0 || now > from.Add(time.Hour) && len(m.ledger.Outages) == 0 {
			ours = max(ours, now.Add(time.Duration(3+m.rnd.IntN(10))*time.Minute))
		}
		results := late
		late = nil
		for _, one := range w.Targets {
			t := one.Target
			if m.rnd.IntN(1500) == 0 {
				down[t.Num] = now.Add(time.Duration(1+m.rnd.IntN(15)) * time.Minute)
			}
			answer := func(at uptime.Instant, recheck bool) {
				up := at >= ours && at >= down[t.Num] && m.rnd.IntN(60) > 0
				result := checked(w, t, at, recheck, up)
				if m.rnd.IntN(30) == 0 {
					late = append(late, result)
				} else {
					results = append(results, result)
				}
			}
			for at := t.Next(now); at <= next; at = t.Next(at) {
				answer(at, false)
			}
			if at := m.ledger.States[t.Num].Recheck; at != 0 && at > now && at <= next {
				answer(at, true)
			}
		}
		m.commit(results)
		now = next
	}
	m.commit(late)
}
