package store

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rig makes databases of one kind. What every kind must do are its methods, which conformance runs.
type rig struct {
	fresh      func(testing.TB) string // the URL of a new, empty database
	connect    func(url string) (*sql.DB, error)
	refuseBoom string // SQL that lets every result with the id "boom" fail
}

func conformance(t *testing.T, r rig) {
	t.Run("Commit", r.testCommit)
	t.Run("BatchStates", r.testBatchStates)
	t.Run("Outbox", r.testOutbox)
	t.Run("ExpireBatches", r.testExpireBatches)
	t.Run("Results", r.testResults)
	t.Run("ResultsPageFitsIntoAMessage", r.testResultsPageFitsIntoAMessage)
	t.Run("Search", r.testSearch)
	t.Run("SearchEqualsModel", r.testSearchEqualsModel)
	t.Run("Prune", r.testPrune)
	t.Run("QueriesAreChecked", r.testQueriesAreChecked)
	t.Run("Batches", r.testBatches)
	t.Run("OpenAgain", r.testOpenAgain)
	t.Run("CommitEqualsModel", r.testCommitEqualsModel)
	t.Run("CommitSurvivesKill", r.testCommitSurvivesKill)
	t.Run("Reductions", r.testReductions)
	t.Run("ReductionsOfMany", r.testReductionsOfMany)
	t.Run("ReductionsEqualModel", r.testReductionsEqualModel)
	t.Run("Windows", r.testWindows)
	t.Run("WindowsEqualModel", r.testWindowsEqualModel)
	t.Run("Targets", r.testTargets)
	t.Run("WatchEqualsModel", r.testWatchEqualsModel)
}

func TestSQLite(t *testing.T) {
	conformance(t, rig{
		fresh: func(t testing.TB) string {
			t.Helper()
			return filepath.Join(t.TempDir(), "sink.db")
		},
		connect:    func(url string) (*sql.DB, error) { return sql.Open("sqlite", url) },
		refuseBoom: `CREATE TRIGGER boom BEFORE INSERT ON results WHEN NEW.id = 'boom' BEGIN SELECT RAISE(ABORT, 'boom'); END`,
	})
}

// open opens a new database that ends with the test.
func (r rig) open(t testing.TB) *DB {
	t.Helper()
	return openAt(t, r.fresh(t))
}

func openAt(t testing.TB, url string) *DB {
	t.Helper()
	db, err := Open(t.Context(), url, Options{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// exec changes a database from outside.
func (r rig) exec(t testing.TB, url, text string) {
	t.Helper()
	db, err := r.connect(url)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), text)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
