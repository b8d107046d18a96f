package bulk

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver that the sink uses
)

// AsTheSink are the pragmas of the connection by which a sink writes.
var AsTheSink = []string{
	"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(16384)", "journal_size_limit(67108864)", "cache_size(-65536)",
}

// Heedless are pragmas for a file that nobody misses after a crash. The cache holds the index of ids, in which rows are all over the place.
var Heedless = []string{"journal_mode(OFF)", "synchronous(OFF)", "cache_size(-1572864)"}

// SQLite inserts into a file that has the tables, and that nobody else has open.
type SQLite struct{ db *sql.DB }

// OpenSQLite opens a file.
func OpenSQLite(path string, pragmas []string) (*SQLite, error) {
	db, err := sql.Open("sqlite", path+"?"+url.Values{"_pragma": pragmas}.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &SQLite{db}, nil
}

// Insert inserts rows in a transaction, with one prepared statement: no way to insert was faster.
func (s *SQLite) Insert(ctx context.Context, rows []Row) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	stmt, err := tx.PrepareContext(ctx, "INSERT INTO results ("+strings.Join(names, ",")+") VALUES ("+strings.Repeat("?,", len(names)-1)+"?)")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	defer func() { _ = stmt.Close() }()
	for _, row := range rows {
		values, err := row.columns()
		if err == nil {
			_, err = stmt.ExecContext(ctx, values...)
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// Strip drops the indexes of results, but for those that belong to a constraint, and returns what makes them again. There are no statistics
// afterwards: a sink makes none either.
func (s *SQLite) Strip(ctx context.Context) (restore func(context.Context) error, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT 'DROP INDEX ' || name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'results' AND sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var drop, add []string
	for rows.Next() {
		var off, on string
		if err := rows.Scan(&off, &on); err != nil {
			return nil, err
		}
		drop, add = append(drop, off), append(add, on)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.exec(ctx, add) }, s.exec(ctx, drop)
}

func (s *SQLite) exec(ctx context.Context, texts []string) error {
	for _, text := range texts {
		if _, err := s.db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file.
func (s *SQLite) Close(context.Context) error { return s.db.Close() }
