package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"

	"github.com/pressly/goose/v3"

	"github.com/fetchmill/fetchmill/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

func provider(db *sql.DB) (*goose.Provider, error) {
	return schema.Provider(goose.DialectSQLite3, db, migrations)
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, path string, opts Options) error {
	db, err := openWriter(path, opts)
	if err != nil {
		return err
	}
	p, err := provider(db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(schema.Up(ctx, p), db.Close())
}

// checkVersion refuses to read a database whose schema is not the one that the queries are written for.
func checkVersion(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	var current int64
	err = db.QueryRowContext(ctx, sqlVersion).Scan(&current)
	return schema.Check(p, current, err)
}
