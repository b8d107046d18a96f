package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver that the sink uses

	"github.com/fetchmill/fetchmill/pkg/events"
)

// rowsPerInsert is how many rows one statement has; with more, SQLite has too many parameters to bind.
const rowsPerInsert = 100

// rows is a bare bulk insert into a table with an id and the result as JSON, with the durability of the sink: what the
// reference loop does when it is to end in a database too.
type rows struct {
	db   *sql.DB
	next int
}

func openRows(ctx context.Context, dir string) (*rows, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "rows.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `CREATE TABLE results (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the table: %w", err), db.Close())
	}
	return &rows{db: db}, nil
}

// insert adds so many rows in one transaction.
func (r *rows) insert(ctx context.Context, count int, data []byte) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for count > 0 {
		n := min(count, rowsPerInsert)
		args := make([]any, 0, 2*n)
		for range n {
			r.next++
			args = append(args, events.IDFromKey(fmt.Sprint(r.next)), string(data))
		}
		statement := "INSERT INTO results VALUES " + strings.Repeat("(?,?),", n-1) + "(?,?)"
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		count -= n
	}
	return tx.Commit()
}
