package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

type postgresDialect struct{}

// openPostgres takes what psql takes: a URL, or key=value pairs.
func openPostgres(a address) (dialect, *sql.DB, []string, error) {
	cfg, err := pgx.ParseConfig(a.dsn)
	if err != nil {
		// The parser's text has parts of the address, and what it takes for the password need not be all of it.
		return nil, nil, nil, errors.New("dsn is none of PostgreSQL: write postgres://USER@HOST/DATABASE, or user=USER host=HOST dbname=DATABASE, and the password separately")
	}
	if a.password != "" {
		cfg.Password = a.password
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "fetchmill"
	}
	// A time without a zone is one of UTC, on the way in and out; and quotes are as the rewriting of placeholders takes them.
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	return postgresDialect{}, stdlib.OpenDB(*cfg), []string{cfg.Password}, nil
}

func (postgresDialect) name() string { return "postgres" }

func (postgresDialect) syntax() syntax {
	return syntax{dollar: true, nested: true, foreign: "$", mark: func(n int) string { return "$" + strconv.Itoa(n) }}
}

// arg gives everything as text: the server finds out the type of a parameter from where it stands, as it does for a literal in quotes,
// and nothing is rounded on the way.
func (postgresDialect) arg(v any) any {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return v
}

func (postgresDialect) begin(ctx context.Context, conn *sql.Conn, limit time.Duration) (*sql.Tx, error) {
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("set local statement_timeout = %d", milliseconds(limit))); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// milliseconds rounds up: 0 would mean no limit.
func milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

func (postgresDialect) kind(databaseType string) kind {
	switch databaseType {
	case "NUMERIC":
		return kindNumber
	case "FLOAT4":
		return kindFloat32
	case "BYTEA":
		return kindBytes
	case "JSON", "JSONB":
		return kindJSON
	case "DATE":
		return kindDate
	default:
		return kindAuto
	}
}

// judge goes by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func (postgresDialect) judge(err error) (judgement, bool) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.SafeToRetry(err) {
			return disconnected, true
		}
		return judgement{}, false
	}
	switch e.Code {
	case "57014": // query_canceled
		return tooSlow, true
	case "57P01", "57P02", "57P03", "57P05": // the server shuts down, or starts
		return disconnected, true
	case "26000": // a prepared statement that a pool between has given to another connection
		return inTheWay, true
	case "0A000": // a table has changed since the statement was prepared, which is made good by doing so again
		if strings.Contains(e.Message, "cached plan") {
			return inTheWay, true
		}
	case "55P03", "55006", "25P03", "72000": // a lock is not available, something is in use or gone
		return inTheWay, true
	case "22P02", "22003", "22007", "22008", "22021", "22P03", "22P05": // a text that is no value of the type
		return badValue, true
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53": // connection, resources: too many connections, too
		return disconnected, true
	case "28", "3D": // authorisation, no such database
		return turnedAway, true
	case "40", "58": // serialisation and deadlock, the system's errors
		return inTheWay, true
	default:
		return refused, true
	}
}
