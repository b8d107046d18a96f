package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func (r rig) testResults(t *testing.T) {
	db := r.open(t)
	var entries []Entry
	for i := range 30 {
		r := result(fmt.Sprintf("i%02d", i), []string{"b1", "b2", ""}[i%3], int64(100-i))
		if i%5 == 0 {
			r = failed(r.ID, r.Batch, r.Index)
		}
		if i%2 == 0 {
			r.Recipe = "json"
		}
		entries = append(entries, Entry{Result: r})
	}
	commit(t, db, entries...)
	commit(t, db, Entry{Result: result("i00", "b2", 5)}) // shared by b1 and b2

	for name, tc := range map[string]struct {
		query events.ResultQuery
		ids   string
	}{
		"by id":                         {events.ResultQuery{ID: "i07"}, "i07"},
		"by id in a batch that shares":  {events.ResultQuery{ID: "i00", Batch: "b2"}, "i00"},
		"by id in another batch":        {events.ResultQuery{ID: "i01", Batch: "b1"}, ""},
		"by batch, as committed":        {events.ResultQuery{Batch: "b2"}, "i01 i04 i07 i10 i13 i16 i19 i22 i25 i28 i00"},
		"by batch, newest first":        {events.ResultQuery{Batch: "b2", Order: events.OrderNewest}, "i00 i28 i25 i22 i19 i16 i13 i10 i07 i04 i01"},
		"by batch, by index":            {events.ResultQuery{Batch: "b2", Order: events.OrderIndex}, "i00 i28 i25 i22 i19 i16 i13 i10 i07 i04 i01"},
		"by batch and status":           {events.ResultQuery{Batch: "b2", Status: events.StatusFailed}, "i10 i25 i00"},
		"by batch and recipe":           {events.ResultQuery{Batch: "b1", Recipe: "json"}, "i00 i06 i12 i18 i24"},
		"by status":                     {events.ResultQuery{Status: events.StatusFailed}, "i00 i05 i10 i15 i20 i25"},
		"by reason, newest first":       {events.ResultQuery{Reason: events.ReasonTimeout, Order: events.OrderNewest}, "i25 i20 i15 i10 i05 i00"},
		"by recipe and status":          {events.ResultQuery{Recipe: "json", Status: events.StatusFailed}, "i00 i10 i20"},
		"by recipe and ok":              {events.ResultQuery{Recipe: "json", Status: events.StatusOK, Order: events.OrderNewest}, "i28 i26 i24 i22 i18 i16 i14 i12 i08 i06 i04 i02"},
		"by a batch that nobody knows":  {events.ResultQuery{Batch: "b9"}, ""},
		"by a reason that did not come": {events.ResultQuery{Reason: events.ReasonDNS}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 5, 1000} {
				q := tc.query
				q.Limit = limit
				var ids []string
				for _, r := range everything(t, db, q) {
					ids = append(ids, r.ID)
				}
				require.Equal(t, tc.ids, strings.Join(ids, " "), "in pages of %d", limit)
			}
		})
	}
	t.Run("shows a shared result in the place that its batch gives it", func(t *testing.T) {
		page, err := db.Results(t.Context(), events.ResultQuery{Batch: "b2", Order: events.OrderIndex, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "b2", page.Results[0].Batch)
		require.EqualValues(t, 5, page.Results[0].Index)
	})
	t.Run("lets a follower come back for what has come since", func(t *testing.T) {
		q := events.ResultQuery{Batch: "b1", Limit: 1000}
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		q.After = page.Next
		commit(t, db, Entry{Result: result("late", "b1", 0)}, Entry{Result: result("i01", "b1", 1)})
		var ids []string
		for _, r := range everything(t, db, q) {
			ids = append(ids, r.ID)
		}
		require.Equal(t, []string{"late", "i01"}, ids)
	})
}

func (r rig) testResultsPageFitsIntoAMessage(t *testing.T) {
	db := r.open(t)
	var entries []Entry
	for i := range 10 {
		r := result(fmt.Sprint("i", i), "", 0)
		r.Error = strings.Repeat("\x01", 20_000) // six bytes each in JSON
		if i == 9 {
			r.Value = json.RawMessage(`"` + strings.Repeat("x", maxPageBytes) + `"`)
		}
		entries = append(entries, Entry{Result: r})
	}
	commit(t, db, entries...)
	q := events.ResultQuery{Limit: 1000}
	var pages []int
	for {
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		if len(page.Results) == 0 {
			break
		}
		data, err := json.Marshal(page)
		require.NoError(t, err)
		if len(page.Results) > 1 {
			require.Less(t, len(data), 720<<10)
		}
		pages, q.After = append(pages, len(page.Results)), page.Next
	}
	require.Equal(t, []int{5, 4, 1}, pages)
}

func (r rig) testQueriesAreChecked(t *testing.T) {
	db := r.open(t)
	index := cursor{order: "index", at: driver.Place{Major: 1, Seq: 2}}.String()
	for name, q := range map[string]events.ResultQuery{
		"unknown status":          {Status: "good"},
		"unknown order":           {Order: "random"},
		"index without a batch":   {Order: events.OrderIndex},
		"limit below zero":        {Limit: -1},
		"limit too large":         {Limit: 1001},
		"cursor that is no text":  {After: "%%%"},
		"cursor made by somebody": {After: base64.RawURLEncoding.EncodeToString([]byte("committed.0.+1"))},
		"cursor of another order": {After: index},
		"cursor of another walk":  {Order: events.OrderIndex, Batch: "b", Host: "h", After: cursor{order: "committed-by-time", at: driver.Place{Seq: 1}}.String()},
		"time that goes back":     {Since: noon, Until: noon},
		"text of two lines":       {Text: "a\nb"},
		"text that is too long":   {Text: strings.Repeat("ü", 201)},
		"host with a NUL":         {Host: "a\x00"},
	} {
		_, err := db.Results(t.Context(), q)
		require.ErrorIs(t, err, ErrQuery, name)
	}
	for name, q := range map[string]events.BatchQuery{
		"cursor of results": {After: index},
		"limit too large":   {Limit: 1001},
	} {
		_, err := db.Batches(t.Context(), q)
		require.ErrorIs(t, err, ErrQuery, name)
	}
}

func (r rig) testBatches(t *testing.T) {
	db := r.open(t)
	for i := range 5 {
		commit(t, db, record(fmt.Sprint("b", i), events.BatchOpen, 0))
	}
	var names []string
	q := events.BatchQuery{Limit: 2}
	for {
		page, err := db.Batches(t.Context(), q)
		require.NoError(t, err)
		for _, b := range page.Batches {
			names = append(names, b.Batch)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	require.Equal(t, []string{"b4", "b3", "b2", "b1", "b0"}, names)
	page, err := db.Batches(t.Context(), events.BatchQuery{Batch: "b9"})
	require.NoError(t, err)
	require.Empty(t, page.Batches)
}

func FuzzCursor(f *testing.F) {
	queries := []driver.Select{
		{ResultQuery: events.ResultQuery{Order: events.OrderCommitted}},
		{ResultQuery: events.ResultQuery{Order: events.OrderNewest, Host: "example.com"}},
		{ResultQuery: events.ResultQuery{Order: events.OrderIndex, Batch: "b"}},
	}
	for _, s := range []string{"", "x", cursorOf(&queries[1], start(&queries[1])).String(), cursorOf(&queries[2], driver.Place{Major: -3, Seq: 9}).String(), formatBatchCursor(7)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i := range queries {
			at, err := parseCursor(s, &queries[i])
			if err != nil {
				require.ErrorIs(t, err, ErrQuery)
			} else if s != "" {
				require.Equal(t, s, cursorOf(&queries[i], at).String())
			}
		}
		num, err := parseBatchCursor(s)
		if err != nil {
			require.ErrorIs(t, err, ErrQuery)
		} else if s != "" {
			require.Equal(t, s, formatBatchCursor(num))
		}
	})
}
