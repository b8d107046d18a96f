package bulk

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Postgres inserts into a PostgreSQL that has the tables.
type Postgres struct{ conn *pgx.Conn }

// OpenPostgres connects to a server.
func OpenPostgres(ctx context.Context, url string) (*Postgres, error) {
	conn, err := pgx.Connect(ctx, url)
	return &Postgres{conn}, err
}

// Insert inserts rows with COPY, in a transaction.
func (p *Postgres) Insert(ctx context.Context, rows []Row) error {
	_, err := p.conn.CopyFrom(ctx, pgx.Identifier{"results"}, names, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return rows[i].columns() }))
	return err
}

// What is taken off results and put on again, in the order in which it was made. All but the primary key, which costs little and which others
// refer to: indexes of their own, and constraints, among which that of ids has an index, too.
const (
	sqlIndexes = `SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
		WHERE indrelid = 'results'::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid) ORDER BY indexrelid`
	sqlConstraints = `SELECT format('ALTER TABLE results DROP CONSTRAINT %I', conname),
			format('ALTER TABLE results ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE conrelid = 'results'::regclass AND contype IN ('f', 'u') ORDER BY oid`
	sqlMemory = `SET maintenance_work_mem = '512MB'`
)

// Strip drops what slows inserting down, and returns what makes it again, with statistics, and with what VACUUM does now and then.
func (p *Postgres) Strip(ctx context.Context) (restore func(context.Context) error, err error) {
	drop, add := []string(nil), []string{sqlMemory}
	for _, text := range []string{sqlConstraints, sqlIndexes} {
		rows, err := p.conn.Query(ctx, text)
		if err != nil {
			return nil, err
		}
		var off, on string
		if _, err := pgx.ForEachRow(rows, []any{&off, &on}, func() error {
			drop, add = append(drop, off), append(add, on)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	add = append(add, "VACUUM ANALYZE results, batches, counts, targets, buckets")
	return func(ctx context.Context) error { return p.exec(ctx, add) }, p.exec(ctx, drop)
}

func (p *Postgres) exec(ctx context.Context, texts []string) error {
	for _, text := range texts {
		if _, err := p.conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the connection.
func (p *Postgres) Close(ctx context.Context) error { return p.conn.Close(ctx) }
