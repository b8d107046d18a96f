package queries

import (
	"database/sql"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestFillMakesWhatCommitMakesOnSQLite(t *testing.T) {
	testFill(t, "", "sqlite", `SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name`)
}

// testFill compares a database that was filled with one that the same rows were committed to. schema is a query for what its tables are like.
func testFill(t *testing.T, postgres, driver, schema string) {
	t.Helper()
	const rows = batchRows + 100
	found := map[string]contents{}
	for name, fill := range map[string]func(place, string){
		"filled": func(p place, url string) { require.NoError(t, p.fill(t.Context(), url, rows, func(string) {})) },
		"committed": func(_ place, url string) {
			db := open(t, url)
			for n := 0; n < rows; n += 1000 {
				commit(t, db, n, min(n+1000, rows))
			}
			require.NoError(t, db.Close())
		},
	} {
		p := placeOf(postgres)
		url, drop, err := p.fresh(t.Context())
		require.NoError(t, err)
		fill(p, url)
		found[name] = contents{column(t, driver, url, schema), read(t, url, rows)}
		require.NoError(t, drop())
	}
	require.Equal(t, found["committed"].schema, found["filled"].schema, "indexes and constraints are as a sink makes them")
	require.Equal(t, found["committed"].answers, found["filled"].answers)
}

// contents are what a database has.
type contents struct{ schema, answers []string }

// read commits one row more, and asks for all results with their places, and for what is kept beside them.
func read(t *testing.T, url string, rows int) (answers []string) {
	t.Helper()
	db := open(t, url)
	commit(t, db, rows, rows+1)
	found := 0
	for page := (events.ResultPage{}); found == 0 || page.Next != ""; {
		var err error
		page, err = db.Results(t.Context(), events.ResultQuery{Limit: 1000, After: page.Next})
		require.NoError(t, err)
		if len(page.Results) == 0 {
			break
		}
		found += len(page.Results)
		answers = append(answers, asJSON(t, page))
	}
	require.Equal(t, rows+1, found)
	batches, err := db.Batches(t.Context(), events.BatchQuery{})
	require.NoError(t, err)
	require.Len(t, batches.Batches, 2)
	names := []string{""}
	for _, b := range batches.Batches {
		names = append(names, b.Batch)
		b.Created, b.Updated = first, first
		answers = append(answers, asJSON(t, b))
	}
	for _, name := range names {
		counts, err := db.Counts(t.Context(), events.CountQuery{Batch: name})
		require.NoError(t, err)
		require.NotEmpty(t, counts.Counts)
		answers = append(answers, asJSON(t, counts))
	}
	require.NoError(t, db.Close())
	return answers
}

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	return db
}

func commit(t *testing.T, db *store.DB, from, to int) {
	t.Helper()
	var entries []store.Entry
	for n := from; n < to; n++ {
		entries = append(entries, store.Entry{Result: result(n)})
	}
	_, err := db.Commit(t.Context(), entries)
	require.NoError(t, err)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// column asks a query for its one column.
func column(t *testing.T, driver, url, text string) (values []string) {
	t.Helper()
	db, err := sql.Open(driver, url)
	require.NoError(t, err)
	rows, err := db.QueryContext(t.Context(), text)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		require.NoError(t, rows.Scan(&value))
		values = append(values, value)
	}
	require.NoError(t, rows.Err()) // and so they are closed
	require.NoError(t, db.Close())
	return values
}
