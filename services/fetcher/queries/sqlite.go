package queries

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	sqlite "modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

type sqliteDialect struct{}

// openSQLite takes the path of a file, with or without "sqlite:" in front.
func openSQLite(a address) (dialect, *sql.DB, []string, error) {
	path := strings.TrimPrefix(a.dsn, "sqlite:")
	if a.password != "" {
		return nil, nil, nil, errors.New("SQLite has no passwords: leave password out")
	}
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") || strings.HasPrefix(path, "//") {
		return nil, nil, nil, errors.New("dsn of SQLite is the path of its file, such as shop.db or /srv/shop.db")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.folder, path)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(ON)"}}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, nil, nil, errors.New("the driver of SQLite does not take this path")
	}
	return sqliteDialect{}, pool, nil, nil
}

func (sqliteDialect) name() string { return "sqlite" }

func (sqliteDialect) syntax() syntax {
	return syntax{brackets: true, foreign: "?@$", mark: func(n int) string { return "?" + strconv.Itoa(n) }}
}

// arg gives times as text: SQLite has no type for them, and its functions read RFC 3339.
func (sqliteDialect) arg(v any) any {
	switch v := v.(type) {
	case number:
		return v.numeric()
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return v
}

// numeric is a number as the nearest value that a processor has.
func (n number) numeric() any {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i
	}
	f, _ := strconv.ParseFloat(string(n), 64) // checked by param.value
	return f
}

// begin leaves the time to the context, which interrupts the statement in this process.
func (sqliteDialect) begin(ctx context.Context, conn *sql.Conn, _ time.Duration) (*sql.Tx, error) {
	return conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}

// kind goes by the value: a text is a string for the driver, so what comes as bytes is a blob.
func (sqliteDialect) kind(databaseType string) kind {
	if databaseType == "DATE" {
		return kindDate
	}
	return kindBytes
}

func (sqliteDialect) judge(err error) (judgement, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return judgement{}, false
	}
	switch e.Code() & 0xff { // the rest tells more, which is in the text
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_PROTOCOL:
		return inTheWay, true
	case sqlite3.SQLITE_INTERRUPT:
		return tooSlow, true
	case sqlite3.SQLITE_CANTOPEN:
		return disconnected, true
	case sqlite3.SQLITE_NOTADB:
		return turnedAway, true
	default:
		return refused, true
	}
}
