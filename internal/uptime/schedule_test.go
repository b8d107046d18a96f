package uptime_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestSlots(t *testing.T) {
	t.Run("come once in each interval, at the same time in it", func(t *testing.T) {
		target := prepare(t, 1, spec("a"))
		for i, at := range slots(target, 100) {
			first := target.Next(begin)
			require.Equal(t, first.Add(time.Duration(i)*time.Minute), at)
			require.Equal(t, at, target.Next(at-1))
			require.Equal(t, at.Add(time.Minute), target.Next(at))
		}
		require.Equal(t, prepare(t, 2, spec("a")).Next(begin), target.Next(begin), "the name decides")
		require.Negative(t, target.Next(-1_000_000_000), "before 1970 too")
	})
	t.Run("of many targets do not bunch", func(t *testing.T) {
		const targets, seconds = 10_000, 60
		var in [seconds]int
		for i := range targets {
			in[prepare(t, 1, spec(fmt.Sprint("target-", i))).Next(begin).Sub(begin)/time.Second%seconds]++
		}
		for s, n := range in {
			require.InDelta(t, targets/seconds, n, 70, "second %d", s) // more than five standard deviations
		}
	})
}

func TestProof(t *testing.T) {
	secret, other := uptime.Secret("a secret of this database"), uptime.Secret("another")
	target := prepare(t, 1, spec("a"))
	id := secret.Check(target, begin, false)
	require.Equal(t, id, secret.Check(target, begin, false), "whoever orders it")
	require.True(t, secret.Ordered(target, id))
	changed, err := uptime.Prepare(1, 1, spec("a"))
	require.NoError(t, err)
	for name, wrong := range map[string]events.CheckID{
		"another time":   {Target: 1, At: id.At + 1, Proof: id.Proof},
		"another kind":   {Target: 1, At: id.At, Recheck: true, Proof: id.Proof},
		"another target": {Target: 2, At: id.At, Proof: id.Proof},
		"no proof":       {Target: 1, At: id.At},
		"a foreign one":  other.Check(target, begin, false),
		"an old one":     secret.Check(changed, begin, false),
	} {
		require.False(t, secret.Ordered(target, wrong), name)
	}
}

func TestSite(t *testing.T) {
	for params, want := range map[string]string{
		`{"url":"https://www.example.com:8443/a?b"}`: "www.example.com",
		`{"address":"db.example.com:5432"}`:          "db.example.com",
		`{"host":"example.com","port":443}`:          "example.com",
		`{"name":"example.net"}`:                     "example.net",
		`{"address":"plain"}`:                        "plain",
		`{"n":1}`:                                    "target:t",
		`{"url":7}`:                                  "target:t",
		``:                                           "target:t",
	} {
		require.Equal(t, want, uptime.Site(events.Target{Name: "t", Params: json.RawMessage(params)}), params)
	}
}

func TestMaintenance(t *testing.T) {
	at := func(text string) uptime.Instant {
		t.Helper()
		tm, err := time.Parse("2006-01-02T15:04Z07:00", text)
		require.NoError(t, err)
		return uptime.InstantOf(tm)
	}
	in := func(m events.Maintenance) func(string) bool {
		s := spec("a")
		s.Maintenance = []events.Maintenance{m}
		target := prepare(t, 1, s)
		return func(text string) bool { return target.Maintained(at(text)) }
	}
	ms := func(d time.Duration) int64 { return d.Milliseconds() }

	t.Run("once", func(t *testing.T) {
		m := in(events.Maintenance{From: at("2026-02-01T22:00Z").Time(), ForMS: ms(2 * time.Hour)})
		require.False(t, m("2026-02-01T21:59Z"))
		require.True(t, m("2026-02-01T22:00Z"))
		require.True(t, m("2026-02-01T23:59Z"))
		require.False(t, m("2026-02-02T00:00Z"), "its end is outside")
	})
	t.Run("on days of the week, in their zone, over midnight", func(t *testing.T) {
		m := in(events.Maintenance{Days: []string{"sat"}, At: "23:00", Zone: "Europe/Berlin", ForMS: ms(3 * time.Hour)})
		require.False(t, m("2026-01-31T21:59Z"))
		require.True(t, m("2026-01-31T22:00Z"))
		require.True(t, m("2026-02-01T00:59Z"), "on Sunday")
		require.False(t, m("2026-02-01T01:00Z"))
		require.False(t, m("2026-02-01T22:30Z"))
		require.True(t, m("2026-08-01T21:00Z"), "in summer it is an hour earlier")
		require.False(t, m("2026-08-02T00:00Z"))
	})
	t.Run("every day", func(t *testing.T) {
		m := in(events.Maintenance{At: "02:00", ForMS: ms(time.Hour)})
		require.True(t, m("2026-01-28T02:30Z"))
		require.True(t, m("2026-01-29T02:30Z"))
		require.False(t, m("2026-01-29T03:30Z"))
	})
	t.Run("on days of the month, for longer than a day", func(t *testing.T) {
		m := in(events.Maintenance{At: "12:00", Dates: []int{1, 15}, ForMS: ms(49 * time.Hour)})
		require.False(t, m("2026-03-01T11:59Z"))
		require.True(t, m("2026-03-03T12:59Z"))
		require.False(t, m("2026-03-03T13:00Z"))
		require.True(t, m("2026-03-16T00:00Z"))
	})
	t.Run("in the night in which the clocks are put on and back", func(t *testing.T) {
		m := in(events.Maintenance{At: "01:00", Days: []string{"sun"}, Zone: "Europe/Berlin", ForMS: ms(4 * time.Hour)})
		require.True(t, m("2026-03-29T00:00Z"))
		require.True(t, m("2026-03-29T03:59Z"), "four hours, whatever the clocks say")
		require.False(t, m("2026-03-29T04:00Z"))
		require.True(t, m("2026-10-24T23:00Z"))
		require.True(t, m("2026-10-25T02:59Z"))
		require.False(t, m("2026-10-25T03:00Z"))
	})
}
