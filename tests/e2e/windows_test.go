package e2e

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// clicks counts to a number, and adds up what was counted in each minute.
const clicks = `
name: clicks
summary: Counts to a number for somebody.
primary: n
params:
  n: {type: integer, required: true, min: 0, max: 1000}
crunch:
  - {op: count, with: {to: $n}}
reduce:
  - sum(value.count) as total
window: {size: 1m, lateness: 0s, idle: 24h}
`

// TestWindows submits items that say when they happened, and sees windows close as what is newer comes.
func TestWindows(t *testing.T) {
	s, err := sandbox.Start(t.Context(), sandbox.Options{
		Configure: func(c *app.Config) { c.Recipes = append(c.Recipes, clicks) }, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	m := &mill{broker: s.NATSURL, http: s.HTTPURL}
	m.connect(t, "sink", "cruncher", "fetcher", "ingest")
	js, err := jetstream.New(process.Connect(t, m.broker))
	require.NoError(t, err)

	first := time.Now().UTC().Add(-time.Hour).Truncate(time.Minute)
	submit := func(n string, happened time.Time) {
		t.Helper()
		msg := nats.NewMsg(events.WorkSubject("clicks"))
		msg.Header[events.HeaderTime] = []string{happened.Format(time.RFC3339Nano)}
		msg.Data = []byte(n)
		_, err := js.PublishMsg(t.Context(), msg)
		require.NoError(t, err)
		m.result(t, "clicks", n)
	}
	submit("1", first)
	submit("20", first.Add(59*time.Second))
	submit("300", first.Add(90*time.Second)) // the first minute closes
	submit("2", first.Add(time.Second))      // too late
	submit("400", first.Add(2*time.Minute))  // the second minute closes

	var told []events.Window
	followed, err := js.OrderedConsumer(t.Context(), topology.StreamDone, jetstream.OrderedConsumerConfig{FilterSubjects: []string{events.SubjectWindowClosed}})
	require.NoError(t, err)
	for len(told) < 2 {
		msg, err := followed.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
		require.Equal(t, events.TypeWindow, msg.Headers().Get(events.HeaderType))
		var w events.Window
		require.NoError(t, json.Unmarshal(msg.Data(), &w))
		told = append(told, w)
	}
	require.Equal(t, []any{first, first.Add(time.Minute), int64(2), "21"}, []any{told[0].Start, told[0].End, told[0].OK, string(told[0].Reduced[0].Value)})
	require.Equal(t, []any{first.Add(time.Minute), int64(1), "300"}, []any{told[1].Start, told[1].OK, string(told[1].Reduced[0].Value)})

	out := m.ok(t, "windows", "ls", "--recipe", "clicks", "-o", "json")
	var listed []events.Window
	require.NoError(t, json.Unmarshal([]byte(out), &listed))
	require.Len(t, listed, 2)
	require.Equal(t, told[1].ID, listed[0].ID)
	require.Contains(t, m.ok(t, "windows", "ls", "--open"), "clicks")
	var detail events.WindowDetail
	require.NoError(t, json.Unmarshal([]byte(m.ok(t, "windows", "show", told[0].ID, "-o", "json")), &detail))
	require.Equal(t, "21", string(detail.Reduced[0].Value))
	require.EqualValues(t, 4, detail.Stream.Counted)
	require.EqualValues(t, 1, detail.Stream.Late)
	require.EqualValues(t, 1, detail.Late)
	require.Contains(t, m.ok(t, "windows", "show", told[0].ID), "21")
	require.Contains(t, m.ok(t, "windows", "streams"), "tumbling 1m0s")
	require.Equal(t, 1, m.run(t, "windows", "show", "999999").status)
}
