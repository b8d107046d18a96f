package queries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/bench/bulk"
	"github.com/fetchmill/fetchmill/bench/fresh"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/store/postgres"
	"github.com/fetchmill/fetchmill/internal/store/sqlite"
)

// group is how many rows are made, and inserted in one transaction.
const group = 20_000

// place is a database to measure in.
type place struct {
	name  string
	fresh func(context.Context) (url string, drop func() error, err error)
	open  func(ctx context.Context, url string) (driver.Database, error)
	bulk  func(ctx context.Context, url string) (table, error)
}

// table is that of results, to insert into in bulk.
type table interface {
	Strip(ctx context.Context) (restore func(context.Context) error, err error)
	Insert(ctx context.Context, rows []bulk.Row) error
	Close(ctx context.Context) error
}

func placeOf(postgresURL string) place {
	if postgresURL == "" {
		return place{
			"SQLite", fresh.File,
			func(ctx context.Context, url string) (driver.Database, error) {
				return sqlite.Open(ctx, url, sqlite.Options{Synchronous: "FULL", Readers: 1})
			},
			func(_ context.Context, path string) (table, error) { return bulk.OpenSQLite(path, bulk.Heedless) },
		}
	}
	return place{
		"PostgreSQL", func(ctx context.Context) (string, func() error, error) { return fresh.Schema(ctx, postgresURL) },
		func(ctx context.Context, url string) (driver.Database, error) {
			return postgres.Open(ctx, url, postgres.Options{Readers: 1})
		},
		func(ctx context.Context, url string) (table, error) { return bulk.OpenPostgres(ctx, url) },
	}
}

// fill makes all that would be there if a sink had committed the rows, in a fraction of the time: it inserts them in bulk, and makes the indexes
// afterwards.
func (p place) fill(ctx context.Context, url string, rows int, progress func(string)) error {
	var s sums
	if err := p.write(ctx, url, func(ctx context.Context, tx driver.Tx) error { return s.begin(ctx, tx, rows) }); err != nil {
		return err
	}
	if err := p.insert(ctx, url, rows, &s, progress); err != nil {
		return err
	}
	return p.write(ctx, url, s.end)
}

// write opens the database for a transaction.
func (p place) write(ctx context.Context, url string, fn func(context.Context, driver.Tx) error) error {
	db, err := p.open(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(db.Write(ctx, fn), db.Close())
}

func (p place) insert(ctx context.Context, url string, rows int, s *sums, progress func(string)) (err error) {
	t, err := p.bulk(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close(context.WithoutCancel(ctx))) }()
	restore, err := t.Strip(ctx)
	if err != nil {
		return err
	}
	said := time.Now()
	list := make([]bulk.Row, 0, group)
	for n := 0; n < rows; n += len(list) {
		list = list[:0]
		for i := n; i < min(n+group, rows); i++ {
			list = append(list, s.add(i))
		}
		if err := t.Insert(ctx, list); err != nil {
			return err
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			progress(fmt.Sprintf("%d of %d rows are there", n+len(list), rows))
		}
	}
	progress("all rows are there; making the indexes")
	return restore(ctx)
}
