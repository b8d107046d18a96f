//go:build external

package queries

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestValuesOfPostgres(t *testing.T) {
	b, dsn, _ := backendOf(t, "postgres")
	values := map[string]string{
		"'NaN'::numeric":      `"NaN"`,
		"'Infinity'::float8":  `"Infinity"`,
		"'-Infinity'::float4": `"-Infinity"`,
		"'NaN'::float8":       `"NaN"`,
		"0.1::float4":         `0.1`,
		"1e300::float8":       `1e+300`,
		"1e-7::float8":        `1e-07`,
		"123456789012345678901234567890.123456789":     `123456789012345678901234567890.123456789`,
		"'{\"a\": [1, 2.50]}'::jsonb":                  `{"a":[1,2.50]}`,
		"'{\"b\" : null}'::json":                       `{"b":null}`,
		"'null'::jsonb":                                `null`,
		"'x'::xml":                                     `"x"`,
		"array[1,2]":                                   `"{1,2}"`,
		"'2026-01-31 12:00'::timestamp":                `"2026-01-31T12:00:00Z"`,
		"'2026-01-31 12:00+02'::timestamptz":           `"2026-01-31T10:00:00Z"`,
		"'infinity'::timestamptz":                      `"infinity"`,
		"'12:30'::time":                                `"12:30:00"`,
		"'1 day 2 hours'::interval":                    `"1 day 02:00:00"`,
		"'0044-03-15 BC'::date":                        `"-0043-03-15"`,
		"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`,
		"'10.0.0.1'::inet":                             `"10.0.0.1"`,
		"row(1,'a')":                                   `"(1,a)"`,
		"42::oid":                                      `42`,
		"''::text":                                     `""`,
		"null::int":                                    `null`,
	}
	names, text := map[string]string{}, ""
	for sql := range values {
		names[sql] = fmt.Sprint("q", len(names))
		text += b.query(names[sql], "select "+sql+" as v", "")
	}
	c := load(t, b.catalogue(dsn, text))
	for sql, want := range values {
		require.Equal(t, `[{"v":`+want+`}]`, rows(t, c, names[sql], nil), sql)
	}
}

func TestParametersOfPostgresTakeTheTypeOfTheirPlace(t *testing.T) {
	b, dsn, db := backendOf(t, "postgres")
	exec(t, db, "create type mood as enum ('good', 'bad')", "create table t (u uuid, m mood, j jsonb, d date, n int, f float8)",
		`insert into t values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'good', '{"a":1}', '2026-01-31', 5, 2.5)`)
	c := load(t, b.catalogue(dsn, b.query("q",
		"select n from t where u = :u and m = :m and j @> :j and d = :d and n = :n and f = :f and left('abc', :n) = 'abc' limit :limit",
		"    params:\n      u: {type: text}\n      m: {type: text}\n      j: {type: text}\n      d: {type: text}\n      n: {type: integer}\n      f: {type: number}\n      limit: {type: integer, default: 10}\n")))
	p := params{"u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "m": "good", "j": `{"a":1}`, "d": "2026-01-31", "n": 5, "f": 2.5}
	require.Equal(t, `[{"n":5}]`, rows(t, c, "q", p))
	for name, v := range map[string]any{"u": "no", "m": "ugly", "j": "{", "d": "2026-02-30", "n": int64(math.MaxInt64)} {
		wrong := params{}
		for k, v := range p {
			wrong[k] = v
		}
		wrong[name] = v
		_, err := run(t.Context(), t, c, "q", wrong)
		fails(t, err, events.ReasonInvalidParameter, false)
	}
}

func TestValuesOfMySQL(t *testing.T) {
	b, dsn, db := backendOf(t, "mysql")
	exec(t, db, "set session sql_mode=''", `create table t (a bigint unsigned, b bit(1), c bit(9), d float, e double, f datetime(6), g date, h time, i year, j json, k enum('x','y'), l blob, m text, n timestamp, o decimal(30,10), p date)`,
		`insert into t values (18446744073709551615, 1, b'100000001', 0.1, 1e300, '2026-01-31 12:00:00.000001', '0000-00-00', '-12:30:00', 2026, '{"a": 1}', 'y', 'bytes', 'text', '2026-01-31 12:00:00', 12345678901234567890.0123456789, '2026-01-31')`)
	want := `{"a":18446744073709551615,"b":1,"c":257,"d":0.1,"e":1e+300,"f":"2026-01-31T12:00:00.000001Z","g":null,"h":"-12:30:00","i":2026,"j":"{\"a\": 1}",` +
		`"k":"y","l":"Ynl0ZXM=","m":"text","n":"2026-01-31T12:00:00Z","o":12345678901234567890.0123456789,"p":"2026-01-31"}`
	// With a parameter the driver speaks another protocol.
	c := load(t, b.catalogue(dsn, b.query("without", "select * from t", "")+b.query("with", "select * from t where a > :n", "    params:\n      n: {type: integer, default: 0}\n")))
	require.Equal(t, "["+want+"]", rows(t, c, "without", nil))
	require.Equal(t, "["+want+"]", rows(t, c, "with", nil))
}

func TestLocksMayBeTriedAgain(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		b, dsn, db := backendOf(t, "postgres")
		exec(t, db, "create table t (a int)")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "lock table t")
		require.NoError(t, err)
		_, err = run(t.Context(), t, load(t, b.catalogue(dsn+" lock_timeout=20", b.query("q", "select * from t", ""))), "q", nil)
		fails(t, err, events.ReasonQuery, true)
		require.NoError(t, tx.Rollback())
	})
	t.Run("mysql", func(t *testing.T) {
		b, dsn, db := backendOf(t, "mysql")
		exec(t, db, "create table t (a int)")
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		_, err = conn.ExecContext(t.Context(), "lock tables t write")
		require.NoError(t, err)
		_, err = run(t.Context(), t, load(t, b.catalogue(dsn+"?lock_wait_timeout=0", b.query("q", "select * from t", ""))), "q", nil)
		fails(t, err, events.ReasonQuery, true)
		require.NoError(t, conn.Close())
	})
}

func TestPostgresSurvivesChanges(t *testing.T) {
	b, dsn, db := backendOf(t, "postgres")
	exec(t, db, "create table t (a int)", "insert into t values (1)")
	c := load(t, b.catalogue(dsn, b.query("q", "select * from t", "")))
	require.Equal(t, `[{"a":1}]`, rows(t, c, "q", nil))
	again := func(t *testing.T) string {
		t.Helper()
		value, err := run(t.Context(), t, c, "q", nil)
		for range 3 { // as many as there are connections, and one
			if err == nil {
				break
			}
			require.Contains(t, err.Error(), "query q on d")
			value, err = run(t.Context(), t, c, "q", nil)
		}
		require.NoError(t, err)
		return string(value)
	}
	t.Run("a connection that the server has ended", func(t *testing.T) {
		exec(t, db, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fetchmill'")
		require.Contains(t, again(t), `[{"a":1}]`)
	})
	t.Run("a table that has changed", func(t *testing.T) {
		exec(t, db, "alter table t add b int default 2")
		_, err := run(t.Context(), t, c, "q", nil)
		fails(t, err, events.ReasonQuery, true)
		require.Contains(t, again(t), `[{"a":1,"b":2}]`)
	})
}

func TestTheServerEndsWhatNobodyWaitsForAnyMore(t *testing.T) {
	b, dsn, db := backendOf(t, "mysql")
	c := load(t, b.catalogue(dsn, b.query("q", "select sleep(600)", "    timeout: 1s\n")))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, "q", nil, func() func() { return func() {} })
		ended <- err
	}()
	running := func() bool {
		var n int
		err := db.QueryRowContext(t.Context(), "select count(*) from information_schema.processlist where info like 'select sleep%'").Scan(&n)
		return err == nil && n > 0
	}
	require.Eventually(t, running, time.Minute, 5*time.Millisecond)
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return !running() }, time.Minute, 5*time.Millisecond)
}

func TestSecretsAreInNoText(t *testing.T) {
	s, err := mariadb()
	require.NoError(t, err)
	const secret = "p@ss/w:rd#1?"
	socket := strings.TrimSuffix(strings.TrimPrefix(s.MariaDBDSN(), "root@unix("), ")/test")
	for name, dsn := range map[string]string{
		"mysql": "nobody-" + secret + "@unix(" + socket + ")/test",
		// Somebody who is not PostgreSQL answers with what it was told, more or less.
		"postgres": "host=" + filepath.Dir(socket) + " port=1 user=reader dbname=x",
	} {
		text := "databases:\n  d:\n    driver: " + name + "\n    dsn: '" + strings.Replace(dsn, "nobody-"+secret, "reader", 1) + "'\n    password: ${SECRET_OF_TEST}\nqueries:\n  q: {database: d, sql: select 1}\n"
		t.Setenv("SECRET_OF_TEST", secret)
		c := load(t, text)
		_, err := run(t.Context(), t, c, "q", nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, c.String(), secret)
		d := c.databases[0]
		require.NotContains(t, d.text(&os.PathError{Op: "say", Path: secret, Err: os.ErrNotExist}), secret)
		require.LessOrEqual(t, len(d.text(&os.PathError{Op: "say", Path: strings.Repeat("é", 5000), Err: os.ErrNotExist})), maxErrorBytes+3)
	}
}
