package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// patience is how long tests wait for what must happen.
const patience = process.Patience

// tick is how often they look.
const tick = 20 * time.Millisecond

// mill is a running `fetchmill up`, or services on a broker, as users see them.
type mill struct {
	process *process.Process // of `fetchmill up`; nil if the services are processes of their own
	broker  string           // URL
	http    string           // URL
	client  *client.Client
	as      *identity // who the commands are; nil if the broker lets everybody do everything
}

// local lets a mill reach the test's own web sites, and retry soon.
var local = []string{"--allow-net", "127.0.0.0/8", "--retry-first", "20ms", "--retry-most", "1s"}

// up starts `fetchmill up` on a data folder and waits until it is ready.
func up(t *testing.T, dir string, args ...string) *mill {
	t.Helper()
	p := process.Start(t, "fetchmill up", process.Spec{
		Path: fetchmill,
		Args: append([]string{"up", "--data", dir, "--nats-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"}, args...),
	})
	m := &mill{process: p}
	m.broker = p.Find(`(?m)^ *broker +(nats://\S+)`)
	m.http = p.Find(`(?m)^ *http +(http://\S+)`)
	m.connect(t, "sink", "cruncher", "fetcher", "ingest")
	return m
}

// connect connects a client and waits until the services answer.
func (m *mill) connect(t *testing.T, services ...string) {
	t.Helper()
	c, err := client.New(process.Connect(t, m.broker, m.as.options(t)...))
	require.NoError(t, err)
	m.client = c
	require.Eventually(t, func() bool {
		status, err := c.Status(t.Context())
		if err != nil {
			return false
		}
		for _, name := range services {
			if !slices.ContainsFunc(status.Services, func(s client.ServiceStatus) bool { return s.Name == name }) {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond, "the services do not answer")
}

// ran is what became of a command.
type ran struct {
	stdout, stderr string
	status         int
}

// both is all that a command wrote.
func (r ran) both() string { return r.stdout + r.stderr }

// run runs a fetchmill command to its end.
func (m *mill) run(t *testing.T, args ...string) ran {
	t.Helper()
	return finish(m.begin(t, args...))
}

// begin starts a fetchmill command.
func (m *mill) begin(t *testing.T, args ...string) *process.Process {
	t.Helper()
	return process.Start(t, "fetchmill "+args[0], process.Spec{Path: fetchmill, Args: append(args, "--nats", m.broker), Env: m.as.env()})
}

// ok runs a fetchmill command that must succeed, and returns what it printed.
func (m *mill) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := m.run(t, args...)
	require.Zero(t, r.status, "fetchmill %v: %s", args, r.stderr)
	return r.stdout
}

// nats runs a command of the real nats command line.
func (m *mill) nats(t *testing.T, args ...string) ran {
	t.Helper()
	return finish(process.Start(t, "nats "+args[0], process.Spec{
		Path: natscli.Build(t), Args: slices.Concat([]string{"--server", m.broker, "--timeout", "30s"}, m.as.flags(t), args), Env: m.as.env(),
	}))
}

// pub publishes with the real nats command line.
func (m *mill) pub(t *testing.T, args ...string) {
	t.Helper()
	r := m.nats(t, append([]string{"pub"}, args...)...)
	require.Zero(t, r.status, "nats pub %v: %s", args, r.both())
}

func finish(p *process.Process) ran {
	status := p.Wait()
	return ran{p.Stdout(), p.Stderr(), status}
}

// results reads all results of a query.
func (m *mill) results(t *testing.T, q events.ResultQuery) []events.Result {
	t.Helper()
	var list []events.Result
	for r, err := range m.client.Results(t.Context(), q) {
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}

// result waits for the one result that has this key.
func (m *mill) result(t *testing.T, recipe, key string) events.Result {
	t.Helper()
	var found []events.Result
	require.Eventually(t, func() bool {
		found = found[:0]
		for r, err := range m.client.Results(t.Context(), events.ResultQuery{Recipe: recipe, Order: events.OrderNewest}) {
			if err != nil {
				return false
			}
			if r.Key == key {
				found = append(found, r)
			}
		}
		return len(found) > 0
	}, patience, tick, "no result of recipe %s has the key %s", recipe, key)
	require.Len(t, found, 1)
	return found[0]
}

// batch waits for the end of a batch.
func (m *mill) batch(t *testing.T, id string) *events.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := m.client.WaitBatch(ctx, id, client.WaitOptions{Patience: patience})
	require.NoError(t, err)
	return b
}

// idle waits until nothing is under way.
func (m *mill) idle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := m.client.Status(t.Context())
		if err != nil {
			return false
		}
		busy := slices.ContainsFunc(s.Streams, func(s client.StreamStatus) bool {
			return s.Messages > 0 && slices.Contains([]string{"WORK", "FETCH", "CRUNCH", "RESULTS"}, s.Name)
		})
		return !busy
	}, patience, tick, "something is left in a queue")
}

// dead waits for the dead letters of a recipe.
func (m *mill) dead(t *testing.T, recipe string, n int) []client.DeadLetter {
	t.Helper()
	var list []client.DeadLetter
	require.Eventually(t, func() bool {
		list = list[:0]
		for d, err := range m.client.Dead(t.Context(), client.DeadFilter{Recipe: recipe}) {
			if err != nil {
				return false
			}
			list = append(list, d)
		}
		return len(list) >= n
	}, patience, tick, "dead letters of %s", recipe)
	require.Len(t, list, n)
	return list
}

// lines decodes lines of JSON.
func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var list []T
	for line := range strings.Lines(strings.TrimSpace(text)) {
		var v T
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		list = append(list, v)
	}
	return list
}
