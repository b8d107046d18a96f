//go:build external

package postgres

import (
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/store/driver/drivertest"
)

// fill makes rows of which most have one recipe and one host, some a batch, whose rows lie together, and few have failed; and loans.
const fill = `
	INSERT INTO batches (name, recipe, state, cancel, announced, total, ok, failed, cancelled, created, updated, finished)
		SELECT 'b' || n, 'page', 'open', false, 0, -1, 0, 0, 0, 1, 1, 0 FROM generate_series(1, 20) n;
	INSERT INTO results (seq, id, recipe, batch, idx, key, status, reason, error, attempts, value, submitted, finished, host)
		SELECT n, md5(n::text), CASE WHEN n % 10 = 0 THEN 'json' ELSE 'page' END, CASE WHEN n % 2 = 0 THEN 1 + n / 3001 END, n, 'https://a.example.com/' || n,
			CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'ok' END, CASE WHEN n % 50 = 0 THEN 'dns' ELSE '' END, '', 1, repeat('x', 100), 1767225600000000000 + n::bigint * 1000000,
			1767225600000000000 + n::bigint * 1000000, CASE WHEN n % 5 = 0 THEN n % 1000 || '.example.com' ELSE 'a.example.com' END
		FROM generate_series(1, 60000) n;
	INSERT INTO borrowed (seq, batch, idx, result) SELECT 100000 + n, 1 + n % 20, n, n FROM generate_series(1, 10000) n;`

// TestQueriesNeverScan looks at the plans of all combinations, with and without statistics: rows are found by the index that is meant,
// between two places of it, and none of them are sorted, so that a page costs what it has looked at, not what the batch or the table has.
func TestQueriesNeverScan(t *testing.T) {
	db := openNew(t)
	_, err := db.write.Exec(t.Context(), fill)
	require.NoError(t, err)
	const statistics = "VACUUM ANALYZE"
	for _, with := range []string{"ALTER TABLE results SET (autovacuum_enabled = false)", statistics} {
		_, err = db.write.Exec(t.Context(), with)
		require.NoError(t, err)
		for _, q := range drivertest.Select() {
			text, args := dialect.Page(q)
			plan := explain(t, db, text, args)
			require.NotContains(t, plan, "Seq Scan", "%+v\n%s\n%s", q, text, plan)
			require.NotContains(t, plan, "Bitmap", "%+v\n%s\n%s", q, text, plan)
			require.LessOrEqual(t, strings.Count(plan, "Sort Key"), sortsOf(q), "%+v\n%s\n%s", q, text, plan)
			if q.ID == "" || with == statistics { // without them all indexes seem as good for an id
				require.Contains(t, plan, " using "+indexOf(q)+" on results r ", "%+v\n%s\n%s", q, text, plan)
			}
			if !q.Sieved() {
				continue
			}
			texts, lists := dialect.Reach(q, 1000)
			for i, text := range texts {
				plan := explain(t, db, text, lists[i])
				require.NotContains(t, plan, "Seq Scan", "%+v\n%s\n%s", q, text, plan)
				require.NotContains(t, plan, "Sort Key", "%+v\n%s\n%s", q, text, plan)
				if i == 0 {
					require.Contains(t, plan, "Index Only Scan", "%+v\n%s\n%s", q, text, plan)
					require.Contains(t, plan, " using "+indexOf(q)+" on results r ", "%+v\n%s\n%s", q, text, plan)
				}
			}
		}
	}
}

// indexOf is what PostgreSQL calls the index that a query's rows are to be found by.
func indexOf(q driver.Select) string {
	switch index := q.Index(); index {
	case driver.IndexSeq:
		return "results_pkey"
	case driver.IndexID:
		return "results_id_key"
	default:
		return string(index)
	}
}

// fillWindows makes windows of which most have one stream, and most one recipe and one key, but none of those that end last, which are open; few
// have another recipe.
const fillWindows = `INSERT INTO windows SELECT n,
		CASE WHEN n % 3 > 0 THEN 50 ELSE n % 100 END,
		CASE WHEN n % 10000 = 0 THEN 'rare' WHEN n < 36000 THEN 'page' WHEN n % 2 = 0 THEN 'a' || n % 40 ELSE 'z' || n % 40 END,
		'tumbling', CASE WHEN n % 10 > 0 THEN 'a' ELSE n % 100 || '' END, n, n + 10, CASE WHEN n > 40000 THEN 1 ELSE 0 END, 0, 1, 0, 0, 0, repeat('x', 500)
	FROM generate_series(1, 60000) n`

// TestQueriesForWindowsNeverScan looks at the plans without and with statistics: rows are found by the index that is meant and none of them are
// sorted, however many windows the planner takes a recipe, a key or a stream to have, and wherever it takes them to be.
func TestQueriesForWindowsNeverScan(t *testing.T) {
	db := openNew(t)
	_, err := db.write.Exec(t.Context(), fillWindows)
	require.NoError(t, err)
	byIndex := func(index, text string, args ...any) {
		plan := explain(t, db, text, args)
		require.Contains(t, plan, " using "+index+" on windows", "%s %v\n%s", text, args, plan)
		for _, bad := range []string{"Seq Scan", "Bitmap", "Sort Key"} {
			require.NotContains(t, plan, bad, "%s %v\n%s", text, args, plan)
		}
	}
	for _, with := range []string{"ALTER TABLE windows SET (autovacuum_enabled = false)", "ANALYZE", "VACUUM"} {
		_, err := db.write.Exec(t.Context(), with)
		require.NoError(t, err)
		for _, recipe := range []string{"page", "rare", "a2", "none"} {
			for index, q := range drivertest.WindowSelect() {
				if q.Recipe != "" {
					q.Recipe = recipe
				}
				q.Before = driver.WindowPlace{End: math.MaxInt64, ID: math.MaxInt64}
				for _, q.Open = range []bool{false, true} {
					text, args := dialect.Windows(q)
					byIndex(index, text, args...)
				}
			}
			byIndex("windows_recipe", sqlOldWindows, recipe, 1, 2, 100)
			byIndex("windows_recipe", sqlNthWindow, recipe, 100)
			byIndex("windows_key", sqlCountLate, 1, 2, recipe, "a", 3, 59000, 4)
		}
		for _, stream := range []int{7, 50, 1000} {
			byIndex("windows_due", sqlDueWindows, stream, 59000, 100)
		}
	}
}

// TestListsOfTargetsReadNoDays looks at what sums up a year of each target: an index has all of it.
func TestListsOfTargetsReadNoDays(t *testing.T) {
	db := openNew(t)
	for _, with := range []string{`INSERT INTO buckets SELECT t, 86400, d * 86400000::bigint, 1, 2, 0, 0, 0, 0, 0, 0, '', '' FROM generate_series(1, 300) t, generate_series(1, 366) d`, "VACUUM ANALYZE"} {
		_, err := db.write.Exec(t.Context(), with)
		require.NoError(t, err)
	}
	plan := explain(t, db, sqlDaySums, []any{[]int64{1, 2, 3}, 3, 2, 1, 1})
	require.Contains(t, plan, "Index Only Scan using buckets_days on buckets", plan)
	require.NotContains(t, plan, "Sort Key", plan)
}

// openNew opens a new database of a server of its own.
func openNew(t *testing.T) *DB {
	t.Helper()
	server, err := databasetest.StartPostgres(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	url, err := server.NewPostgresDatabase(t.Context())
	require.NoError(t, err)
	db, err := Open(t.Context(), url, Options{Readers: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// sortsOf is how many sorts a plan may have: of two halves of a page, and of one result.
func sortsOf(q driver.Select) int {
	switch {
	case q.ID != "":
		return 3
	case q.Batch != "":
		return 1
	default:
		return 0
	}
}

func explain(t *testing.T, db *DB, text string, args []any) string {
	t.Helper()
	rows, err := db.read.Query(t.Context(), "EXPLAIN "+numbered(text), append([]any{pgx.QueryExecModeExec}, encoded(args)...)...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, text)
	return strings.Join(lines, "\n")
}
