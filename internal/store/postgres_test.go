//go:build external

package store

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
)

// startPostgres starts a server that ends with the test.
func startPostgres(t testing.TB) rig {
	t.Helper()
	server, err := databasetest.StartPostgres(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return rig{
		fresh: func(t testing.TB) string {
			t.Helper()
			url, err := server.NewPostgresDatabase(t.Context())
			require.NoError(t, err)
			return url
		},
		connect: func(url string) (*sql.DB, error) { return sql.Open("pgx", url) },
		refuseBoom: `CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'boom'; END $$;
			CREATE TRIGGER boom BEFORE INSERT ON results FOR EACH ROW WHEN (NEW.id = 'boom') EXECUTE FUNCTION boom()`,
	}
}

func TestPostgres(t *testing.T) { conformance(t, startPostgres(t)) }
