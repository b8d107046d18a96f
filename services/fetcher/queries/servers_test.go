//go:build external

package queries

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
)

// Servers are started when the first test needs them, so that fuzzing needs none.
var (
	starting sync.Mutex
	postgres = sync.OnceValues(func() (*databasetest.Server, error) { return keep(databasetest.StartPostgres) })
	mariadb  = sync.OnceValues(func() (*databasetest.Server, error) { return keep(databasetest.StartMariaDB) })
)

func keep(start func(context.Context) (*databasetest.Server, error)) (*databasetest.Server, error) {
	s, err := start(context.Background())
	if err == nil {
		starting.Lock()
		defer starting.Unlock()
		atEnd = append(atEnd, s.Close)
	}
	return s, err
}

func init() {
	backends = append(backends, []backend{
		{
			name: "postgres",
			start: func(t *testing.T) (string, *sql.DB) {
				t.Helper()
				s, err := postgres()
				require.NoError(t, err)
				return own(t, "pgx", s.PostgresDSN(), func(name string) string {
					return strings.Replace(s.PostgresDSN(), "dbname=postgres", "dbname="+name, 1)
				})
			},
			setup: []string{
				`create table things (id int primary key, name text, price numeric(10,2), big bigint, ok boolean, moment timestamptz, day date, raw bytea, missing text)`,
				`insert into things values
				(1, 'ä "<b>"', 12.50, 9223372036854775807, true, '2026-01-31 12:30:00.25Z', '2026-01-31', '\x00ff', null),
				(2, 'b', 7, 2, false, '2026-02-28Z', '2026-02-28', '', 'm')`,
				`create function write_it() returns int language sql as 'insert into things (id) values (3) returning id'`,
			},
			values:     `{"id":1,"name":"ä \"<b>\"","price":12.50,"big":9223372036854775807,"ok":true,"moment":"2026-01-31T12:30:00.25Z","day":"2026-01-31","raw":"AP8=","missing":null}`,
			slow:       "select pg_sleep(600)",
			write:      "with x as (insert into things (id) values (3) returning id) select * from x",
			quoted:     `select ':a' as x, name as ":a" /* :a /* :a */ */, $q$it's$q$ as y, E'\':a' as e -- :a` + "\n, :a as z from things where id = 1",
			quotedWant: `[{"x":":a",":a":"ä \"<b>\"","y":"it's","e":"':a","z":"value"}]`,
			nowhere:    func(string) string { return "host=/nowhere user=secretive dbname=x" },
			stranger:   func(dsn string) string { return strings.Replace(dsn, "dbname=", "dbname=not_", 1) },
		},
		{
			name: "mysql",
			start: func(t *testing.T) (string, *sql.DB) {
				t.Helper()
				s, err := mariadb()
				require.NoError(t, err)
				return own(t, "mysql", s.MariaDBDSN(), func(name string) string { return strings.TrimSuffix(s.MariaDBDSN(), "test") + name })
			},
			setup: []string{
				"create table things (id int primary key, name text, price decimal(10,2), big bigint, ok boolean, moment datetime(2), day date, raw varbinary(10), missing text) character set utf8mb4",
				`insert into things values
				(1, 'ä "<b>"', 12.50, 9223372036854775807, true, '2026-01-31 12:30:00.25', '2026-01-31', x'00ff', null),
				(2, 'b', 7, 2, false, '2026-02-28 00:00:00', '2026-02-28', '', 'm')`,
				"create function write_it() returns int modifies sql data begin insert into things (id) values (3); return 3; end",
			},
			values:     `{"id":1,"name":"ä \"<b>\"","price":12.50,"big":9223372036854775807,"ok":1,"moment":"2026-01-31T12:30:00.25Z","day":"2026-01-31","raw":"AP8=","missing":null}`,
			slow:       "select sleep(600)",
			write:      "select write_it()",
			quoted:     "select ':a' as x, name as `:a` /* :a */, 'it\\'s :a' as y # :a\n, :a as z -- :a\nfrom things where id = 1",
			quotedWant: `[{"x":":a",":a":"ä \"<b>\"","y":"it's :a","z":"value"}]`,
			nowhere:    func(string) string { return "secretive@unix(/nowhere)/x" },
			stranger:   func(dsn string) string { return dsn + "_not" },
		},
	}...)
}

// own makes a database for a test in a server.
func own(t *testing.T, driver, admin string, dsn func(name string) string) (string, *sql.DB) {
	t.Helper()
	name := fmt.Sprintf("t%d", time.Now().UnixNano())
	server := open(t, driver, admin)
	_, err := server.ExecContext(t.Context(), "create database "+name)
	require.NoError(t, err)
	return dsn(name), open(t, driver, dsn(name))
}
