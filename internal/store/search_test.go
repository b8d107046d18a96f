package store

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// found is a result as the search's model sees it: where it is in the order of commits.
type found struct {
	events.Result
	seq int
}

// testSearchEqualsModel asks random queries and compares with going through all results one by one.
func (r rig) testSearchEqualsModel(t *testing.T) {
	db := r.open(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	var all []found
	for i := range 600 {
		res := result(fmt.Sprintf("id%03d", i), []string{"", "b1", "b2"}[rnd.IntN(3)], int64(rnd.IntN(5)))
		if rnd.IntN(3) == 0 {
			res = failed(res.ID, res.Batch, res.Index)
		}
		res.Recipe = []string{"page", "json"}[rnd.IntN(2)]
		res.Key = []string{"http://A.example.com:80/", "https://b.example.com/x%y_z/", `no\url `, "ünïcode "}[rnd.IntN(4)] + fmt.Sprint(i%7)
		res.Finished = noon.Add(time.Duration(rnd.IntN(50)) * time.Minute)
		all = append(all, found{*res, i})
	}
	entries := make([]Entry, len(all))
	for i := range all {
		entries[i] = Entry{Result: &all[i].Result}
	}
	commit(t, db, entries...)

	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	for range 300 {
		q := events.ResultQuery{
			Batch: pick("", "", "b1", "b2"), Recipe: pick("", "", "page"), Status: events.Status(pick("", "", "ok", "failed")),
			Reason: events.Reason(pick("", "", "", "timeout")), Host: pick("", "", "a.example.com", "B.example.com", "elsewhere"),
			Text: pick("", "", "", "X%Y_", `\U`, "ünï", "id1", "/3", "nothing"), Order: events.ResultOrder(pick("committed", "newest", "index")),
			Limit: 1 + rnd.IntN(40), Partial: rnd.IntN(2) == 0,
		}
		if rnd.IntN(3) == 0 {
			q.Since = noon.Add(time.Duration(rnd.IntN(40)) * time.Minute)
		}
		if rnd.IntN(3) == 0 {
			q.Until = noon.Add(time.Duration(40+rnd.IntN(20)) * time.Minute)
		}
		if q.Batch == "" && q.Order == events.OrderIndex {
			q.Order = ""
		}
		var want, got []string
		for _, f := range sorted(q, all) {
			if selects(q, f.Result) {
				want = append(want, f.ID)
			}
		}
		for _, res := range r.pages(t, db, q, 1+rnd.IntN(200)) {
			got = append(got, res.ID)
		}
		require.Equal(t, want, got, "%+v", q)
	}
}

// pages reads all pages of a query, looking at so many rows at once.
func (rig) pages(t *testing.T, db *DB, q events.ResultQuery, lookAt int) (all []events.Result) {
	t.Helper()
	db.lookAtOnce = lookAt
	for {
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		all = append(all, page.Results...)
		if page.Next == "" || !q.Partial && len(page.Results) == 0 {
			return all
		}
		q.After = page.Next
	}
}

func sorted(q events.ResultQuery, all []found) []found {
	sel := driver.Select{ResultQuery: q}
	list := slices.Clone(all)
	slices.SortFunc(list, func(a, b found) int {
		by := cmp.Compare(a.seq, b.seq)
		switch sel.Walk() {
		case driver.ByIndex:
			by = cmp.Or(cmp.Compare(a.Index, b.Index), by)
		case driver.ByFinished:
			by = cmp.Or(a.Finished.Compare(b.Finished), by)
		case driver.BySeq:
		}
		if sel.Down() {
			return -by
		}
		return by
	})
	return list
}

func selects(q events.ResultQuery, r events.Result) bool {
	text := strings.ToLower(q.Text)
	return (q.Batch == "" || r.Batch == q.Batch) && (q.Recipe == "" || r.Recipe == q.Recipe) && (q.Status == "" || r.Status == q.Status) &&
		(q.Reason == "" || r.Reason == q.Reason) && (q.Host == "" || r.Host() == strings.ToLower(q.Host)) &&
		(q.Since.IsZero() || !r.Finished.Before(q.Since)) && (q.Until.IsZero() || r.Finished.Before(q.Until)) &&
		(strings.Contains(strings.ToLower(r.Key), text) || strings.Contains(strings.ToLower(r.ID), text))
}

func (r rig) testSearch(t *testing.T) {
	t.Run("answers in a bounded time when asked to, and says where to go on", func(t *testing.T) {
		db := r.open(t)
		var entries []Entry
		for i := range 50 {
			entries = append(entries, Entry{Result: result(fmt.Sprint("id", i), "", 0)})
		}
		entries = append(entries, Entry{Result: failed("last", "", 0)})
		commit(t, db, entries...)
		db.lookAtOnce = 20
		q := events.ResultQuery{Text: "last", Partial: true}
		for _, want := range []int{0, 0, 1} {
			page, err := db.Results(t.Context(), q)
			require.NoError(t, err)
			require.Len(t, page.Results, want)
			require.NotEmpty(t, page.Next)
			q.After = page.Next
		}
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, page.Results)
		require.Empty(t, page.Next)
		page, err = db.Results(t.Context(), events.ResultQuery{Text: "last"})
		require.NoError(t, err)
		require.Len(t, page.Results, 1, "who does not ask for parts gets what there is")
	})
	t.Run("looks at fewer at once where they lie apart", func(t *testing.T) {
		db := r.open(t)
		var entries []Entry
		for i := range 50 {
			res := result(fmt.Sprint("id", i), "", 0)
			if i%5 == 0 {
				res = failed(res.ID, "", 0)
			}
			entries = append(entries, Entry{Result: res})
		}
		commit(t, db, entries...)
		db.lookAtOnce = 4 * apart
		q, requests := events.ResultQuery{Text: "nothing", Status: events.StatusFailed, Partial: true}, 0
		for more := true; more; more = q.After != "" {
			page, err := db.Results(t.Context(), q)
			require.NoError(t, err)
			requests, q.After = requests+1, page.Next
		}
		require.Equal(t, 3, requests, "10 have failed")
	})
	t.Run("finds borrowed results by everything", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, Entry{Result: result("a", "b1", 0)}, Entry{Result: result("a", "b2", 7)}, Entry{Result: result("c", "b2", 1)})
		for _, q := range []events.ResultQuery{{Text: "A"}, {Host: "127.0.0.1", Text: "a"}, {Since: noon.Add(-time.Hour), Text: "a"}, {ID: "a"}} {
			q.Batch = "b2"
			require.Len(t, r.pages(t, db, q, 1), 1, "%+v", q)
		}
	})
	t.Run("knows the host of the key, and else that which was fetched", func(t *testing.T) {
		db := r.open(t)
		res := result("a", "", 0)
		res.Key, res.Fetch.URL = "AAPL", "https://API.example.com/v1/AAPL"
		commit(t, db, Entry{Result: res})
		require.Len(t, everything(t, db, events.ResultQuery{Host: "api.example.COM"}), 1)
	})
}
