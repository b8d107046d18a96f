package postgres

import (
	"context"
	"embed"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/fetchmill/fetchmill/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Of processes that start at the same time one does it, while the others wait, for 5 minutes at most.
func migrate(ctx context.Context, cfg *pgx.ConnConfig) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	p, err := schema.Provider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(schema.Up(ctx, p), db.Close())
}

// checkVersion refuses to read a database whose schema is not the one that the queries are written for.
func checkVersion(ctx context.Context, cfg *pgx.ConnConfig, read *pgxpool.Pool) error {
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	p, err := schema.Provider(goose.DialectPostgres, db, migrations)
	if err != nil {
		return err
	}
	var current int64
	err = read.QueryRow(ctx, sqlVersion).Scan(&current)
	return schema.Check(p, current, err)
}
