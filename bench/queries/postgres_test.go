//go:build external

package queries

import (
	"context"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
)

func TestFillMakesWhatCommitMakesOnPostgreSQL(t *testing.T) {
	server, err := databasetest.StartPostgres(context.Background())
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	url, err := server.NewPostgresDatabase(t.Context())
	require.NoError(t, err)
	testFill(t, url, "pgx", `SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'results'::regclass
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'results'::regclass OR confrelid = 'results'::regclass ORDER BY 1`)
}
