//go:build external

package databasetest_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestServersAnswerAndLeaveNothing(t *testing.T) {
	for _, row := range []struct {
		driver string
		start  func(context.Context) (*databasetest.Server, error)
		dsn    func(*databasetest.Server) string
	}{
		{"pgx", databasetest.StartPostgres, (*databasetest.Server).PostgresDSN},
		{"mysql", databasetest.StartMariaDB, (*databasetest.Server).MariaDBDSN},
	} {
		t.Run(row.driver, func(t *testing.T) {
			s, err := row.start(t.Context())
			require.NoError(t, err)
			db, err := sql.Open(row.driver, row.dsn(s))
			require.NoError(t, err)
			var one int
			require.NoError(t, db.QueryRowContext(t.Context(), "select 1").Scan(&one))
			require.Equal(t, 1, one)
			require.NoError(t, db.Close())
			require.NoError(t, s.Close())
			_, err = os.Stat(s.Dir())
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

func TestAMissingServerFailsWithTheRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := databasetest.Find("no-such-server", "apt-get install it", "/nowhere/*")
	require.ErrorContains(t, err, "no-such-server")
	require.ErrorContains(t, err, "install it with: apt-get install it")
}
