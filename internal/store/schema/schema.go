// Package schema brings databases to the version of the schema that this program is written for. Migrations only go forward.
package schema

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Provider reads the migrations in the folder "migrations".
func Provider(dialect goose.Dialect, db *sql.DB, files fs.FS, opts ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, files, append(opts, goose.WithDisableGlobalRegistry(true))...)
}

// Up brings the schema up to date, and refuses a database that a later version of this program has migrated.
func Up(ctx context.Context, p *goose.Provider) error {
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if known := latest(p); current > known {
		return fmt.Errorf("the database has schema version %d and this program knows %d: use a newer fetchmill", current, known)
	}
	return nil
}

// Check judges the version of a database that is only read, or the error of reading it.
func Check(p *goose.Provider, current int64, err error) error {
	if err != nil {
		return fmt.Errorf("not a database of fetchmill: %w", err)
	}
	if known := latest(p); current != known {
		return fmt.Errorf("the database has schema version %d and this program needs %d: let a sink of this version open it first, or use the sink's version", current, known)
	}
	return nil
}

func latest(p *goose.Provider) (version int64) {
	for _, s := range p.ListSources() {
		version = max(version, s.Version)
	}
	return version
}
