package stage_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

// mill is a broker with all streams, and the environment of the services.
type mill struct {
	t      *testing.T
	broker *brokertest.Broker
	js     jetstream.JetStream // of the test
	env    host.Env            // of the services
	cfg    topology.Config
}

// newMill makes a mill whose broker waits for so long before it delivers again by itself.
func newMill(t *testing.T, ackWait time.Duration) *mill {
	t.Helper()
	broker := brokertest.New(t)
	cfg := topology.Default()
	cfg.AckWait = ackWait
	cfg.DuplicateWindow = time.Hour // so that a machine that stands still in the middle of a publish stores nothing twice
	broker.Provision(cfg)
	return &mill{t: t, broker: broker, js: broker.JetStream(), cfg: cfg, env: host.Env{
		Conn: broker.Connect(), Log: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider(),
	}}
}

func quickLimits() stage.Limits {
	return stage.Limits{
		Timeout: patience, Attempts: 3, Deliveries: 20,
		Backoff: stage.Backoff{First: 10 * time.Millisecond, Most: 50 * time.Millisecond},
	}
}

// running is something that runs until it is told to stop, in two phases.
type running struct {
	t                   *testing.T
	stopIntake, endWork context.CancelFunc
	ended               chan error
}

func run(t *testing.T, f func(intake, work context.Context) error) *running {
	t.Helper()
	intake, stopIntake := context.WithCancel(context.Background())
	work, endWork := context.WithCancel(context.Background())
	r := &running{t, stopIntake, endWork, make(chan error, 1)}
	go func() {
		r.ended <- f(intake, work)
		close(r.ended)
	}()
	t.Cleanup(func() {
		stopIntake()
		endWork()
		for err := range r.ended {
			require.NoError(t, err)
		}
	})
	return r
}

// end waits for the end.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		require.Fail(r.t, "it does not end")
		return nil
	}
}

// worker runs a worker of a stage.
func (m *mill) worker(st events.Stage, concurrency int, limits stage.Limits, list ...ops.Op) *running {
	m.t.Helper()
	w, err := stage.NewWorker(m.env, st, stage.Fixed(concurrency), limits, ops.NewSet(list...))
	require.NoError(m.t, err)
	return run(m.t, w.Run)
}

func op(name string, f func(context.Context, ops.Input) (ops.Output, error)) ops.Op {
	return ops.Op{Name: name, Run: f}
}

// item makes an item that waits for steps of a stage.
func item(id string, st events.Stage, names ...string) *events.Item {
	it := &events.Item{ID: id, Recipe: "r", Key: "key of " + id, Lane: events.LaneNormal, Submitted: time.Now().UTC()}
	for _, n := range names {
		step := events.Step{Op: n}
		if st == events.StageFetch {
			it.Plan.Fetch = &step
		} else {
			it.Plan.Crunch = append(it.Plan.Crunch, step)
		}
	}
	return it
}

// submit puts an item where its plan says, and returns the bytes. headers come in pairs.
func (m *mill) submit(it *events.Item, headers ...string) []byte {
	m.t.Helper()
	data, err := json.Marshal(it)
	require.NoError(m.t, err)
	to, name := it.Plan.Next()
	m.put(events.StepSubject(to, it.Lane, name), data, headers...)
	return data
}

func (m *mill) put(subject string, data []byte, headers ...string) {
	m.t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = data
	for i := 0; i < len(headers); i += 2 {
		msg.Header.Set(headers[i], headers[i+1])
	}
	_, err := m.js.PublishMsg(m.t.Context(), msg)
	require.NoError(m.t, err)
}

// take takes the next message out of a queue.
func (m *mill) take(stream, consumer string) jetstream.Msg {
	m.t.Helper()
	c, err := m.js.Consumer(m.t.Context(), stream, consumer)
	require.NoError(m.t, err)
	msg, err := c.Next(jetstream.FetchMaxWait(patience))
	require.NoError(m.t, err, "nothing came to %s", stream)
	require.NoError(m.t, msg.DoubleAck(m.t.Context()))
	return msg
}

// result takes the next result.
func (m *mill) result() *events.Result {
	m.t.Helper()
	r, err := events.DecodeResult(m.take(topology.StreamResults, topology.ConsumerSink).Data())
	require.NoError(m.t, err)
	return r
}

// dead returns all dead letters, of which there must be n.
func (m *mill) dead(n int) []*jetstream.RawStreamMsg {
	m.t.Helper()
	s, err := m.js.Stream(m.t.Context(), topology.StreamDead)
	require.NoError(m.t, err)
	require.EqualValues(m.t, n, s.CachedInfo().State.Msgs, "dead letters")
	var list []*jetstream.RawStreamMsg
	for seq := range n {
		msg, err := s.GetMsg(m.t.Context(), uint64(seq+1))
		require.NoError(m.t, err)
		list = append(list, msg)
	}
	return list
}

func (m *mill) left(stream string) uint64 {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := m.js.Stream(ctx, stream)
	require.NoError(m.t, err)
	return s.CachedInfo().State.Msgs
}

func (m *mill) eventuallyEmpty(stream string) {
	m.t.Helper()
	require.Eventually(m.t, func() bool { return m.left(stream) == 0 }, patience, 10*time.Millisecond, "%s is not empty", stream)
}

// receive waits for something on a channel.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.Fail(t, "nothing came")
		panic("not reached")
	}
}
