package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// backendOf starts one of the backends.
func backendOf(t *testing.T, name string) (b backend, dsn string, db *sql.DB) {
	t.Helper()
	for _, b = range backends {
		if b.name == name {
			dsn, db = b.start(t)
			return b, dsn, db
		}
	}
	require.FailNow(t, "no such backend", name)
	return b, dsn, db
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

func TestValuesOfSQLite(t *testing.T) {
	b, dsn, db := backendOf(t, "sqlite")
	exec(t, db, "create table t (a date, b, c blob, d datetime, e real)", "insert into t values ('not a date', 9e999, 'text', '2026-01-31T12:00:00+02:00', -9e999)")
	c := load(t, b.catalogue(dsn, b.query("q", "select * from t", "")))
	require.Equal(t, `[{"a":"not a date","b":"Infinity","c":"text","d":"2026-01-31T10:00:00Z","e":"-Infinity"}]`, rows(t, c, "q", nil))
}

func TestAPlaceIsGivenAwayWhileThereIsNoConnection(t *testing.T) {
	b, dsn, db := backendOf(t, "sqlite")
	exec(t, db, "create table t (a)")
	c := load(t, b.catalogue(dsn, b.query("q", "select 1 as a", "")))
	slots := c.databases[0].slots
	slots <- struct{}{}
	slots <- struct{}{}
	parked, resumed := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(t.Context(), "q", nil, func() func() {
			close(parked)
			return func() { close(resumed) }
		})
		ended <- err
	}()
	<-parked
	<-slots
	<-resumed
	require.NoError(t, <-ended)

	slots <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := run(ctx, t, c, "q", nil)
	fails(t, err, events.ReasonTimeout, true)
	require.ErrorContains(t, err, "one of 2 connections")
}

func TestRunRefuses(t *testing.T) {
	b, dsn, db := backendOf(t, "sqlite")
	exec(t, db, "create table t (a)")
	c := load(t, b.catalogue(dsn, b.query("q", "select :t, :i, :n, :b, :m", "    params:\n      t: {type: text, required: true}\n      i: {type: integer}\n      n: {type: number}\n      b: {type: boolean}\n      m: {type: timestamp}\n")))
	for _, row := range []struct {
		query  string
		params params
		reason events.Reason
		text   string
	}{
		{"", nil, events.ReasonMissingParameter, "there are q"},
		{"r", nil, events.ReasonInvalidParameter, `no query called "r": there are q`},
		{"q", nil, events.ReasonMissingParameter, "parameter t (text) is missing"},
		{"q", params{"t": nil}, events.ReasonMissingParameter, "parameter t"},
		{"q", params{"t": "x", "z": 1}, events.ReasonInvalidParameter, `no parameter "z": it has t, i, n, b, m`},
		{"q", params{"t": 1}, events.ReasonInvalidParameter, "must be text, not 1"},
		{"q", params{"t": "a\x00"}, events.ReasonInvalidParameter, "code 0"},
		{"q", params{"t": "x", "i": 1.5}, events.ReasonInvalidParameter, "whole number"},
		{"q", params{"t": "x", "i": json.RawMessage("9223372036854775808")}, events.ReasonInvalidParameter, "64 bits"},
		{"q", params{"t": "x", "i": "1"}, events.ReasonInvalidParameter, "whole number"},
		{"q", params{"t": "x", "n": "1"}, events.ReasonInvalidParameter, "a number"},
		{"q", params{"t": "x", "n": json.RawMessage("1e999")}, events.ReasonInvalidParameter, "a number"},
		{"q", params{"t": "x", "b": 1}, events.ReasonInvalidParameter, "true or false"},
		{"q", params{"t": "x", "m": "2026-01-31"}, events.ReasonInvalidParameter, "RFC 3339"},
		{"q", params{"t": "x", "m": "0001-01-01T00:00:00+10:00"}, events.ReasonInvalidParameter, "year 1 to 9999"},
		{"q", params{"t": "x", "m": []int{1}}, events.ReasonInvalidParameter, "RFC 3339"},
	} {
		_, err := run(t.Context(), t, c, row.query, row.params)
		fails(t, err, row.reason, false)
		require.ErrorContains(t, err, row.text)
	}
	_, err := run(t.Context(), t, nil, "q", nil)
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorContains(t, err, "--queries FILE")
	require.Equal(t, "none", (*Catalogue)(nil).String())
	require.NoError(t, (*Catalogue)(nil).Close())
}
