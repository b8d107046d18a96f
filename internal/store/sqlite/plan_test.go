package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/store/driver/drivertest"
)

// TestQueriesNeverScan looks at the plans of all combinations: each finds its rows by one index, between two places of it, and sorts none
// of them, so that a page costs what it has looked at, not what the batch or the table has.
func TestQueriesNeverScan(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{Synchronous: "NORMAL", Readers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, q := range drivertest.Select() {
		found := "SEARCH r USING INDEX " + string(q.Index()) + " ("
		switch q.Index() {
		case driver.IndexSeq:
			found = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
		case driver.IndexID:
			found = "SEARCH r USING INDEX sqlite_autoindex_results_1 (id=?"
		}
		text, args := dialect.Page(q)
		plan := explain(t, db, text, args)
		all := strings.Join(plan, "\n")
		require.Contains(t, all, found, "%+v\n%s\n%s", q, text, all)
		if q.Index() != driver.IndexID {
			_, own, _ := strings.Cut(all, found)
			own, _, _ = strings.Cut(found+own, "\n")
			require.Contains(t, own, ">? AND ", "%+v\n%s", q, all)
			require.Contains(t, own, "<?", "%+v\n%s", q, all)
		}
		require.NotContains(t, all, "SCAN r", "%+v\n%s", q, all)
		require.NotContains(t, all, "SCAN w", "%+v\n%s", q, all)
		if q.Batch == "" {
			require.NotContains(t, all, "TEMP B-TREE", "%+v\n%s", q, all)
		} else {
			require.Contains(t, all, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)", "%+v\n%s", q, all)
			for _, half := range strings.Split(all, "CO-ROUTINE")[1:] { // only the two half pages may be sorted, and one result
				inner, _, _ := strings.Cut(half, "SCAN ")
				require.True(t, q.ID != "" || !strings.Contains(inner, "TEMP B-TREE"), "%+v\n%s", q, all)
			}
		}
		if !q.Sieved() {
			continue
		}
		texts, lists := dialect.Reach(q, 1000)
		for i, text := range texts {
			all := strings.Join(explain(t, db, text, lists[i]), "\n")
			require.NotContains(t, all, "SCAN", "%+v\n%s", q, all)
			require.NotContains(t, all, "TEMP B-TREE", "%+v\n%s", q, all)
			if q.Index() != driver.IndexSeq {
				require.Contains(t, all, "COVERING INDEX", "%+v\n%s", q, all)
			}
		}
	}
}

func TestQueriesForWindowsNeverScan(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{Synchronous: "NORMAL", Readers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for index, q := range drivertest.WindowSelect() {
		text, args := dialect.Windows(q)
		plan := strings.Join(explain(t, db, text, args), "\n")
		require.Contains(t, plan, "SEARCH windows USING INDEX "+index+" (", plan)
		require.NotContains(t, plan, "TEMP B-TREE", plan)
	}
	for text, args := range map[string][]any{
		sqlOpenWindows: {1, "a", 1, 2}, sqlDueWindows: {1, 2, 3}, sqlOldWindows: {"page", 1, 2, 3}, sqlNthWindow: {"page", 1}, sqlWindowStreams: {1}, sqlOpenStreams: {},
	} {
		plan := strings.Join(explain(t, db, text, args), "\n")
		require.NotContains(t, plan, "SCAN windows", text+plan)
		require.NotContains(t, plan, "SCAN w ", text+plan)
		require.NotContains(t, plan, "TEMP B-TREE", plan)
	}
}

// TestListsOfTargetsReadNoDays looks at what sums up a year of each target: an index has all of it.
func TestListsOfTargetsReadNoDays(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{Synchronous: "NORMAL", Readers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	plan := strings.Join(explain(t, db, sqlDaySums, []any{"[1,2]", 3, 2, 1, 1}), "\n")
	require.Contains(t, plan, "USING COVERING INDEX buckets_days (target=? AND start>?)", plan)
}

// explain returns the steps that SQLite would take for a query.
func explain(t *testing.T, db *DB, text string, args []any) []string {
	t.Helper()
	rows, err := db.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err, text)
	defer func() { _ = rows.Close() }()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan = append(plan, detail)
	}
	require.NoError(t, rows.Err())
	return plan
}
