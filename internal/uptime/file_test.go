package uptime_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const document = `
defaults:
  interval: 5m
  owner: Ada Example
  channels: [ops]
  conditions: [status < 400]
outage: {share: 90, sites: 4, wait: 30s, channels: [admins]}
targets:
  - name: shop
    url: https://shop.example.com/
    group: web
    interval: 30s
    recheck: 5s
    failures: 2
    successes: 3
    remind: 1h
    certificate_days: 20
    conditions:
      - status < 400 && elapsed < duration("2s")
      - certificate_days > 5
    maintenance:
      - {from: 2026-12-01T22:00, for: 2h, zone: Europe/Berlin, note: move}
      - {days: [sat-mon, wed], at: "02:00", for: 90m, zone: Europe/Berlin}
  - url: https://www.example.org/status
    channels: []
    conditions: []
    paused: true
  - name: db
    recipe: tcp
    params: {address: "db.example.com:5432"}
    recheck: 0s
`

func recipes(t *testing.T) *recipe.Catalog {
	t.Helper()
	c, err := recipe.Builtins()
	require.NoError(t, err)
	return c
}

func TestParse(t *testing.T) {
	d, err := uptime.Parse([]byte(document), recipes(t))
	require.NoError(t, err)
	require.Equal(t, &uptime.Policy{Share: 90, Sites: 4, Wait: 30 * time.Second, Channels: []string{"admins"}}, d.Policy)
	require.Len(t, d.Targets, 3)
	require.Equal(t, events.Target{
		Name: "shop", Group: "web", Owner: "Ada Example", Channels: []string{"ops"},
		Recipe: "uptime", Params: []byte(`{"url":"https://shop.example.com/"}`),
		Conditions: []string{`status < 400 && elapsed < duration("2s")`, `certificate_days > 5`},
		IntervalMS: 30_000, RecheckMS: 5_000, Failures: 2, Successes: 3, RemindMS: 3_600_000, CertificateDays: 20,
		Maintenance: []events.Maintenance{
			{From: time.Date(2026, 12, 1, 21, 0, 0, 0, time.UTC), ForMS: 7_200_000, Note: "move"},
			{At: "02:00", Days: []string{"sat", "sun", "mon", "wed"}, Zone: "Europe/Berlin", ForMS: 5_400_000},
		},
	}, d.Targets[0])
	require.Equal(t, events.Target{
		Name: "www.example.org", Owner: "Ada Example", Channels: []string{}, Conditions: []string{}, Paused: true,
		Recipe: "uptime", Params: []byte(`{"url":"https://www.example.org/status"}`),
		IntervalMS: 300_000, RecheckMS: 10_000, Failures: 3, Successes: 1, RemindMS: 21_600_000, CertificateDays: 14,
	}, d.Targets[1])
	require.Equal(t, "tcp", d.Targets[2].Recipe)
	require.Zero(t, d.Targets[2].RecheckMS)
	require.Equal(t, "db.example.com", uptime.Site(d.Targets[2]))

	t.Run("reads JSON too", func(t *testing.T) {
		d, err := uptime.Parse([]byte(`{"targets": [{"name": "a", "url": "https://example.com/"}]}`), nil)
		require.NoError(t, err)
		require.Len(t, d.Targets, 1)
		require.Nil(t, d.Policy)
	})
	t.Run("reads the example", func(t *testing.T) {
		data, err := os.ReadFile("../../examples/uptime/targets.yaml")
		require.NoError(t, err)
		d, err := uptime.Parse(bytes.ReplaceAll(data, []byte("SITE"), []byte("http://127.0.0.1:8000")), recipes(t))
		require.NoError(t, err)
		require.Len(t, d.Targets, 37)
	})
}

func TestParseRefuses(t *testing.T) {
	one := func(lines ...string) string {
		return "targets:\n  - name: a\n    url: https://example.com/\n    " + strings.Join(lines, "\n    ") + "\n"
	}
	for name, row := range map[string]struct{ text, want string }{
		"nothing":                   {"", "targets: it is empty: write at least targets: []"},
		"an unknown field":          {one("intervall: 5m"), "line 4: field intervall not found"},
		"a target without a name":   {"targets:\n  - group: x\n", "line 2: target : it has no name: write one"},
		"a name that cannot be":     {"targets:\n  - name: a b\n", `line 2: target a b: invalid name: target "a b": use`},
		"a name that is there":      {one("failures: 1") + "  - name: a\n    url: https://example.org/\n", "line 5: target a is there twice, in line 2 too"},
		"a bad condition":           {one("conditions:", "  - status < ", ""), "line 4: target a: condition 1: expression"},
		"a condition of a mix-up":   {one(`conditions: ['status == "ok"']`), "how the item ended is outcome"},
		"a condition without sense": {one("conditions: [stauts < 400]"), "there is no stauts: the variables are"},
		"an unknown recipe":         {one("recipe: uptme"), `did you mean "uptime"?`},
		"a wrong parameter":         {"targets:\n  - name: a\n    recipe: tcp\n    params:\n      adress: x\n", `line 4: target a: unknown parameter "adress" (did you mean "address"?)`},
		"a wrong URL":               {"targets:\n  - name: a\n    url: example.com\n", `did you mean "https://example.com"?`},
		"an interval too short":     {one("interval: 10ms"), `line 4: target a: interval "10ms": write a duration from 1s to 168h0m0s`},
		"a negative recheck":        {one("recheck: -1s"), "or 0s for none"},
		"too many failures":         {one("failures: 101"), "line 4: target a: failures 101: write a number from 1 to 100"},
		"a channel that cannot be":  {one("channels: [Ops]"), `line 4: target a: channel: invalid name: "Ops"`},
		"an owner of two lines":     {one(`owner: "a\nb"`), "write one line"},
		"maintenance for ever":      {one("maintenance:", "  - {at: '02:00', for: 1000h}"), "line 4: target a: maintenance 1: for"},
		"maintenance of no length":  {one("maintenance:", "  - {at: '02:00'}"), "maintenance 1: for 0s: write a duration"},
		"maintenance at no time":    {one("maintenance:", "  - {for: 1h}"), "write from (a time, for once) or at"},
		"maintenance at two times":  {one("maintenance:", "  - {from: 2026-01-01T10:00, at: '02:00', for: 1h}"), "write the one or the others"},
		"maintenance nowhere":       {one("maintenance:", "  - {at: '02:00', for: 1h, zone: Mars/Base}"), `zone "Mars/Base" is not known`},
		"maintenance on no day":     {one("maintenance:", "  - {at: '02:00', for: 1h, days: [someday]}"), `day "someday": write one of sun`},
		"maintenance on no date":    {one("maintenance:", "  - {at: '02:00', for: 1h, dates: [32]}"), "date 32"},
		"a time that is none":       {one("maintenance:", "  - {from: tomorrow, for: 1h}"), `from "tomorrow": write a time such as`},
		"a url for all":             {"defaults: {url: https://example.com/}\ntargets: []\n", "line 1: defaults: name and url"},
		"a url twice":               {one("params: {url: https://example.org/}"), "url is there twice"},
		"a share of a half":         {"outage: {share: 50}\ntargets: []\n", "line 1: outage: share 50: write a percentage from 51 to 100"},
		"an outage of one site":     {"outage: {sites: 1}\ntargets: []\n", "sites 1: write a number from 2"},
		"a wait for ever":           {"outage: {wait: 100h}\ntargets: []\n", "wait"},
		"two documents":             {"targets: []\n---\ntargets: []\n", "write one document per file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := uptime.Parse([]byte(row.text), recipes(t))
			require.ErrorIs(t, err, uptime.ErrDocument)
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestCompare(t *testing.T) {
	d, err := uptime.Parse([]byte(document), nil)
	require.NoError(t, err)
	have := map[string]events.Target{}
	plan := uptime.Compare(have, d.Targets, true)
	require.Equal(t, events.Applied{Added: 3, Changes: []events.AppliedChange{
		{Name: "db", Action: "added"}, {Name: "shop", Action: "added"}, {Name: "www.example.org", Action: "added"},
	}}, plan.Applied)

	for _, target := range d.Targets {
		have[target.Name] = target
	}
	plan = uptime.Compare(have, d.Targets, true)
	require.Equal(t, events.Applied{Unchanged: 3}, plan.Applied, "applying twice changes nothing")

	shop := have["shop"]
	shop.Failures, shop.Owner = 1, ""
	have["shop"] = shop
	have["old"] = shop
	plan = uptime.Compare(have, d.Targets, false)
	require.Equal(t, events.Applied{
		Changed: 1, Unchanged: 2, Kept: 1, Changes: []events.AppliedChange{{Name: "shop", Action: "changed", Fields: []string{"failures", "owner"}}},
	}, plan.Applied)
	require.Equal(t, []string{"old"}, uptime.Compare(have, d.Targets, true).Remove)
	require.True(t, uptime.Asks(&shop, &d.Targets[0]))
	require.False(t, uptime.Asks(&shop, &d.Targets[1]))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("targets: [{name: a, url: x, maintenance: [{from: 2026-01-01, for: 1h}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := uptime.Parse(data, nil)
		if err != nil {
			require.ErrorIs(t, err, uptime.ErrDocument)
			return
		}
		for _, target := range d.Targets {
			p, err := uptime.Prepare(1, 1, target)
			require.NoError(t, err)
			p.Maintained(begin)
			require.Greater(t, p.Next(begin), begin)
		}
	})
}
