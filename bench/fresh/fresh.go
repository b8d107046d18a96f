// Package fresh makes empty databases to measure in, and removes them afterwards.
package fresh

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// File names a file for a SQLite, in a folder of its own. Call drop in the end.
func File(context.Context) (path string, drop func() error, err error) {
	dir, err := os.MkdirTemp("", "fetchmill-bench")
	return filepath.Join(dir, "results.db"), func() error { return os.RemoveAll(dir) }, err
}

const schema = "fetchmill_bench"

// Schema makes an empty schema in a PostgreSQL, and returns a URL whose tables are there. Call drop in the end.
func Schema(ctx context.Context, where string) (address string, drop func() error, err error) {
	u, err := url.Parse(where)
	if err != nil {
		return "", nil, errors.New("the URL of the PostgreSQL cannot be read: use postgres://USER@HOST/DATABASE")
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	exec := func(ctx context.Context, text string) error {
		conn, err := pgx.Connect(ctx, where)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, text)
		return errors.Join(err, conn.Close(ctx))
	}
	if err := exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", nil, fmt.Errorf("make a schema to measure in: %w; one that an aborted measurement has left goes with: DROP SCHEMA %s CASCADE", err, schema)
	}
	return u.String(), func() error { return exec(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE") }, nil
}
