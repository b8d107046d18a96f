package store

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// outboxIDs lists the ids of the messages that wait to be sent.
func outboxIDs(t *testing.T, db *DB) (ids []string) {
	t.Helper()
	rows, err := db.Outbox(t.Context(), 1000)
	require.NoError(t, err)
	for _, o := range rows {
		ids = append(ids, o.MsgID)
	}
	return ids
}

func (r rig) testTargets(t *testing.T) {
	t.Run("can be applied, and applying them again changes nothing", func(t *testing.T) {
		db := r.open(t)
		d := sites(3, nil)
		applied, err := db.ApplyTargets(t.Context(), d, ApplyOptions{DryRun: true})
		require.NoError(t, err)
		require.Equal(t, 3, applied.Added)
		require.True(t, applied.DryRun)
		version, err := db.WatchVersion(t.Context())
		require.NoError(t, err)
		require.Zero(t, version, "nothing was done")

		first := apply(t, db, d, ApplyOptions{})
		require.Len(t, first.Targets, 3)
		require.Len(t, first.Secret, 32)
		second := apply(t, db, d, ApplyOptions{Prune: true})
		require.Equal(t, first.Version, second.Version)
	})
	t.Run("are changed, and only those of a document removed that others do not have", func(t *testing.T) {
		db := r.open(t)
		apply(t, db, sites(3, nil), ApplyOptions{})
		d := sites(2, func(i int, s *events.Target) {
			if i == 0 {
				s.Owner, s.Group = "Bob", ""
			}
		})
		applied, err := db.ApplyTargets(t.Context(), d, ApplyOptions{})
		require.NoError(t, err)
		require.Equal(t, events.Applied{
			Changed: 1, Unchanged: 1, Kept: 1, Changes: []events.AppliedChange{{Name: "site00", Action: "changed", Fields: []string{"group", "owner"}}},
		}, applied)
		w := apply(t, db, d, ApplyOptions{Prune: true})
		require.Len(t, w.Targets, 2)
		page, err := db.Targets(t.Context(), events.TargetQuery{Owner: "Bob"})
		require.NoError(t, err)
		require.Len(t, page.Targets, 1)

		_, err = db.RemoveTargets(t.Context(), []string{"site00", "site02"})
		require.ErrorIs(t, err, ErrQuery)
		require.ErrorContains(t, err, `there is no target "site02"`)
		require.Len(t, apply(t, db, sites(0, nil), ApplyOptions{}).Targets, 2, "none of them was removed")
		applied, err = db.RemoveTargets(t.Context(), []string{"site00"})
		require.NoError(t, err)
		require.Equal(t, 1, applied.Removed)
		w = apply(t, db, sites(1, nil), ApplyOptions{})
		require.Len(t, w.Targets, 2, "a removed one can be added again")
		require.Zero(t, w.Targets[0].Last)
	})
	t.Run("that are down and removed or paused end their incidents", func(t *testing.T) {
		db := r.open(t)
		w := apply(t, db, sites(2, func(_ int, s *events.Target) { s.Failures = 1 }), ApplyOptions{})
		for _, one := range w.Targets {
			commit(t, db, Entry{Result: checked(w, one.Target, one.Next(uptime.InstantOf(noon.Add(-time.Hour))), false, false)})
		}
		open, err := db.Incidents(t.Context(), events.IncidentQuery{Open: "true"})
		require.NoError(t, err)
		require.Len(t, open.Incidents, 2)
		require.Positive(t, open.Incidents[0].DurationMS)

		_, err = db.RemoveTargets(t.Context(), []string{"site00"})
		require.NoError(t, err)
		apply(t, db, sites(2, func(i int, s *events.Target) { s.Failures, s.Paused = 1, i == 1 }), ApplyOptions{})
		all, err := db.Incidents(t.Context(), events.IncidentQuery{})
		require.NoError(t, err)
		ends := map[string]string{}
		for _, i := range all.Incidents {
			ends[i.Target] = i.End
			require.Equal(t, noon, i.Until)
		}
		require.Equal(t, map[string]string{"site00": "removed", "site01": "paused"}, ends)
		require.Contains(t, outboxIDs(t, db), fmt.Sprint("target.site00.removed.", noon.UnixMilli()))
		require.Contains(t, outboxIDs(t, db), fmt.Sprint("target.site01.paused.", noon.UnixMilli()))
		page, err := db.Targets(t.Context(), events.TargetQuery{State: events.TargetPaused})
		require.NoError(t, err)
		require.Len(t, page.Targets, 1)
	})
	t.Run("are not changed by what is no check of theirs", func(t *testing.T) {
		db := r.open(t)
		w := apply(t, db, sites(1, func(_ int, s *events.Target) { s.Failures = 1 }), ApplyOptions{})
		target := w.Targets[0].Target
		at := target.Next(uptime.InstantOf(noon))
		forged := checked(Watched{Secret: uptime.Secret("guessed")}, target, at, false, false)
		old := checked(w, target, at, false, false)
		_, err := db.ApplyTargets(t.Context(), sites(1, func(_ int, s *events.Target) {
			s.Params = json.RawMessage(`{"url":"https://elsewhere.example/"}`)
		}), ApplyOptions{})
		require.NoError(t, err)
		commit(t, db, Entry{Result: forged}, Entry{Result: old})
		page, err := db.Targets(t.Context(), events.TargetQuery{})
		require.NoError(t, err)
		require.Equal(t, events.TargetNew, page.Targets[0].State, "the one is forged, the other is the answer to an old question")
		require.Empty(t, outboxIDs(t, db))
	})
	t.Run("come in pages, in the order of their names", func(t *testing.T) {
		db := r.open(t)
		apply(t, db, sites(7, nil), ApplyOptions{})
		var names []string
		for q := (events.TargetQuery{Limit: 3}); ; {
			page, err := db.Targets(t.Context(), q)
			require.NoError(t, err)
			for _, one := range page.Targets {
				names = append(names, one.Name)
			}
			if page.Next == "" {
				break
			}
			q.After = page.Next
		}
		require.Equal(t, []string{"site00", "site01", "site02", "site03", "site04", "site05", "site06"}, names)
		page, err := db.Targets(t.Context(), events.TargetQuery{Group: "db", Limit: 3})
		require.NoError(t, err)
		require.Len(t, page.Targets, 3)
		require.Empty(t, page.Next)
		_, err = db.Targets(t.Context(), events.TargetQuery{State: "ill"})
		require.ErrorIs(t, err, ErrQuery)
		_, err = db.Incidents(t.Context(), events.IncidentQuery{After: "x"})
		require.ErrorIs(t, err, ErrQuery)
		_, err = db.Incidents(t.Context(), events.IncidentQuery{Open: "yes"})
		require.ErrorIs(t, err, ErrQuery)
		none, err := db.Target(t.Context(), "nobody")
		require.NoError(t, err)
		require.Nil(t, none)
	})
	t.Run("know their shares when their history is pruned", func(t *testing.T) {
		db := r.open(t)
		w := apply(t, db, sites(1, func(_ int, s *events.Target) { s.IntervalMS, s.RecheckMS, s.Failures = 3_600_000, 0, 1 }), ApplyOptions{})
		target := w.Targets[0].Target
		at := uptime.InstantOf(noon.Add(-410 * 24 * time.Hour))
		var entries []Entry
		for n := 0; at < uptime.InstantOf(noon).Add(-time.Hour); n++ {
			at = target.Next(at)
			entries = append(entries, Entry{Result: checked(w, target, at, false, n%10 > 0)})
		}
		commit(t, db, entries...)
		before, err := db.Target(t.Context(), "site00")
		require.NoError(t, err)
		require.InDelta(t, 0.9, *before.Uptime.Year, 0.01)
		require.InDelta(t, 0.9, *before.Uptime.Month, 0.01)
		require.InDelta(t, 0.9, *before.Uptime.Week, 0.01)
		require.NotZero(t, before.Times.P95)
		require.Len(t, before.Days, 366)
		require.NotEmpty(t, before.Minutes)
		require.Len(t, before.Incidents, 20)

		pruned := 0
		for more := true; more; pruned++ {
			more, err = db.PruneTargets(t.Context(), noon)
			require.NoError(t, err)
		}
		require.Greater(t, pruned, 10, "in small steps")
		after, err := db.Target(t.Context(), "site00")
		require.NoError(t, err)
		require.Equal(t, before, after)

		_, err = db.RemoveTargets(t.Context(), []string{"site00"})
		require.NoError(t, err)
		for more := true; more; {
			more, err = db.PruneTargets(t.Context(), noon)
			require.NoError(t, err)
		}
		rows, err := db.database.Buckets(t.Context(), []int64{int64(target.Num)}, uptime.Day, 0)
		require.NoError(t, err)
		require.Empty(t, rows, "nothing is left of a target that was removed")
	})
	t.Run("tell when they are to be looked at again", func(t *testing.T) {
		db := r.open(t)
		w := apply(t, db, sites(1, nil), ApplyOptions{})
		target := w.Targets[0].Target
		at := target.Next(uptime.InstantOf(noon))
		commit(t, db, Entry{Result: checked(w, target, at, false, true)})
		at = target.Next(at)
		commit(t, db, Entry{Result: checked(w, target, at, false, false)})
		list, err := db.Rechecks(t.Context(), at, at.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, []Recheck{{Target: int64(target.Num), At: at.Add(10*time.Second + 150*time.Millisecond)}}, list)
		list, err = db.Rechecks(t.Context(), at.Add(time.Minute), at.Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, list)
	})
}
