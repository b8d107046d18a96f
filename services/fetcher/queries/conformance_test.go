package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// backend is a database that all of them are tried on.
type backend struct {
	name string
	// start returns the catalogue's lines about the database, and a connection that may write.
	start func(t *testing.T) (dsn string, db *sql.DB)
	setup []string
	// values is what the first row of the table is as JSON.
	values string
	slow   string // SQL that takes minutes
	// write is SQL that begins like one that reads, and writes.
	write string
	// quoted is SQL with :a in quotes and comments, and then for real.
	quoted, quotedWant string
	// nowhere is a dsn with nobody behind it, stranger one of a database that there is not.
	nowhere, stranger func(dsn string) string
}

var backends = []backend{
	{
		name: "sqlite",
		start: func(t *testing.T) (string, *sql.DB) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "a b%41?.db")
			return file, open(t, "sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f").Replace(file))
		},
		setup: []string{
			`create table things (id integer primary key, name text, price numeric, big integer, ok boolean, moment timestamp, day date, raw blob, missing text)`,
			`insert into things values
				(1, 'ä "<b>"', 12.5, 9223372036854775807, 1, '2026-01-31 12:30:00.25', '2026-01-31', x'00ff', null),
				(2, 'b', 7, 2, 0, '2026-02-28 00:00:00', '2026-02-28', x'', 'm')`,
		},
		values:     `{"id":1,"name":"ä \"<b>\"","price":12.5,"big":9223372036854775807,"ok":1,"moment":"2026-01-31T12:30:00.25Z","day":"2026-01-31","raw":"AP8=","missing":null}`,
		slow:       "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
		write:      "with x(i) as (select 3) insert into things (id) select i from x",
		quoted:     `select ':a' as x, [name] as ":a" /* :a */, 'it''s' as "y" -- :a` + "\n, :a as z from things where id = 1",
		quotedWant: `[{"x":":a",":a":"ä \"<b>\"","y":"it's","z":"value"}]`,
		nowhere:    func(string) string { return "/nowhere/x.db" },
		stranger:   func(string) string { return "/etc/passwd" },
	},
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// catalogue writes the lines of a database with its queries.
func (b backend) catalogue(dsn, queries string) string {
	return "databases:\n  d:\n    driver: " + b.name + "\n    dsn: '" + dsn + "'\n    max_connections: 2\nqueries:\n" + queries
}

func (b backend) query(name, text, more string) string {
	return "  " + name + ":\n    database: d\n    sql: " + quote(text) + "\n" + more
}

// quote writes a text as YAML, which has JSON in it.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestEveryDatabase(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			dsn, db := b.start(t)
			for _, s := range b.setup {
				_, err := db.ExecContext(t.Context(), s)
				require.NoError(t, err, s)
			}
			conform(t, b, dsn, db)
		})
	}
}

func conform(t *testing.T, b backend, dsn string, db *sql.DB) {
	with := func(t *testing.T, sql, more string) *Catalogue {
		t.Helper()
		return load(t, b.catalogue(dsn, b.query("q", sql, more)))
	}
	count := func(t *testing.T) (n int) {
		t.Helper()
		require.NoError(t, db.QueryRowContext(t.Context(), "select count(*) from things").Scan(&n))
		return n
	}

	t.Run("values become JSON, with and without parameters", func(t *testing.T) {
		require.Equal(t, "["+asTravels(t, b.values)+"]", rows(t, with(t, "select * from things where id = 1", ""), "q", nil))
		c := with(t, "select * from things where id = :id", "    params:\n      id: {type: integer, required: true}\n")
		require.Equal(t, "["+asTravels(t, b.values)+"]", rows(t, c, "q", params{"id": 1}))
		require.Equal(t, "[]", rows(t, c, "q", params{"id": 7}))
	})

	t.Run("columns keep their order", func(t *testing.T) {
		value, err := run(t.Context(), t, with(t, "select name as b, id as a from things where id < 0", ""), "q", nil)
		require.NoError(t, err)
		require.Equal(t, `{"columns":["b","a"],"rows":[]}`, string(value))
	})

	t.Run("parameters of all types find their row", func(t *testing.T) {
		c := with(t, "select id from things where name = :name and price = :price and big = :big and ok = :ok and moment > :after and moment < :before and :name <> 'x'",
			"    params:\n      name: {type: text}\n      price: {type: number}\n      big: {type: integer}\n      ok: {type: boolean}\n      after: {type: timestamp}\n      before: {type: timestamp}\n")
		p := params{
			"name": `ä "<b>"`, "price": json.RawMessage("12.50"), "big": int64(9223372036854775807), "ok": true,
			"after": "2026-01-31T12:00:00Z", "before": "2026-01-31T13:31:00+01:00",
		}
		if b.name == "sqlite" { // times are texts there
			p["after"], p["before"] = "2026-01-30T12:00:00Z", "2026-02-01T00:00:00Z"
		}
		require.Equal(t, `[{"id":1}]`, rows(t, c, "q", p))
		p["ok"] = false
		require.Equal(t, `[]`, rows(t, c, "q", p))
	})

	t.Run("a parameter that is absent is its default, or NULL", func(t *testing.T) {
		c := with(t, "select id from things where id >= :least and (missing = :missing or :missing is null) order by id",
			"    params:\n      least: {type: integer, default: 2}\n      missing: {type: text}\n")
		require.Equal(t, `[{"id":2}]`, rows(t, c, "q", nil))
		require.Equal(t, `[{"id":1},{"id":2}]`, rows(t, c, "q", params{"least": 1, "missing": nil}))
		require.Equal(t, `[]`, rows(t, c, "q", params{"missing": "n"}))
	})

	t.Run("a value is never SQL", func(t *testing.T) {
		c := with(t, "select id from things where name = :name", "    params:\n      name: {type: text}\n")
		for _, evil := range []string{"' or '1'='1", "'; drop table things; --", `\' or 1=1 -- `, "$1", ":name", "?", "\x1a", "x' /*"} {
			require.Equal(t, `[]`, rows(t, c, "q", params{"name": evil}), evil)
		}
		require.Equal(t, 2, count(t))
	})

	t.Run("quotes and comments have no parameters", func(t *testing.T) {
		c := with(t, b.quoted, "    params:\n      a: {type: text}\n")
		require.Equal(t, asTravels(t, b.quotedWant), rows(t, c, "q", params{"a": "value"}))
	})

	t.Run("writing is refused for good", func(t *testing.T) {
		_, err := run(t.Context(), t, with(t, b.write, ""), "q", nil)
		fails(t, err, events.ReasonQuery, false)
		require.Equal(t, 2, count(t))
	})

	t.Run("mistakes in the SQL are refused for good", func(t *testing.T) {
		for _, sql := range []string{"select id things frm", "select * from nothing", "select nothing from things", "select id, name as id from things"} {
			_, err := run(t.Context(), t, with(t, sql, ""), "q", nil)
			fails(t, err, events.ReasonQuery, false)
		}
	})

	t.Run("more rows or bytes than allowed are too large", func(t *testing.T) {
		_, err := run(t.Context(), t, with(t, "select id from things", "    max_rows: 1\n"), "q", nil)
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "max_rows")
		_, err = run(t.Context(), t, with(t, "select id from things", "    max_bytes: 40\n"), "q", nil)
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "max_bytes")
		require.Equal(t, `[{"id":1},{"id":2}]`, rows(t, with(t, "select id from things order by id", "    max_rows: 2\n"), "q", nil))
	})

	t.Run("a query that takes too long is ended, and may be tried again", func(t *testing.T) {
		c := load(t, b.catalogue(dsn, b.query("slow", b.slow, "    timeout: 50ms\n")+b.query("q", "select id from things where id = 1", "")))
		for range 3 { // more than there are connections
			_, err := run(t.Context(), t, c, "slow", nil)
			fails(t, err, events.ReasonTimeout, true)
		}
		require.Equal(t, `[{"id":1}]`, rows(t, c, "q", nil))
	})

	t.Run("a query ends with its context", func(t *testing.T) {
		c := with(t, b.slow, "")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := run(ctx, t, c, "q", nil)
		fails(t, err, events.ReasonTimeout, true)

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := c.Run(ctx, "q", nil, func() func() { return func() {} })
			ended <- err
		}()
		require.Eventually(t, func() bool { return c.databases[0].pool.Stats().InUse > 0 }, time.Minute, time.Millisecond)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	})

	t.Run("a database that is not there may be tried again", func(t *testing.T) {
		_, err := run(t.Context(), t, load(t, b.catalogue(b.nowhere(dsn), b.query("q", "select 1", ""))), "q", nil)
		fails(t, err, events.ReasonConnect, true)
		require.NotContains(t, err.Error(), "secretive")
	})

	t.Run("one that turns us away is not asked again", func(t *testing.T) {
		_, err := run(t.Context(), t, load(t, b.catalogue(b.stranger(dsn), b.query("q", "select * from things", ""))), "q", nil)
		fails(t, err, events.ReasonConnect, false)
	})

	t.Run("many at a time share the connections", func(t *testing.T) {
		c := with(t, "select id from things where id = :id", "    params:\n      id: {type: integer}\n")
		errs := make(chan error)
		for range 50 {
			go func() {
				_, err := c.Run(t.Context(), "q", map[string]json.RawMessage{"id": json.RawMessage("1")}, func() func() { return func() {} })
				errs <- err
			}()
		}
		var all []error
		for range 50 {
			all = append(all, <-errs)
		}
		require.NoError(t, errors.Join(all...))
		require.LessOrEqual(t, c.databases[0].pool.Stats().OpenConnections, 2)
	})
}

// asTravels writes JSON as encoding/json does.
func asTravels(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(json.RawMessage(text))
	require.NoError(t, err)
	return string(b)
}
