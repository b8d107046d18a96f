package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// poisonedWorker is set in the environment of a test binary that is to be a worker; its value is the address of the broker.
const poisonedWorker = "FETCHMILL_TEST_POISONED_WORKER"

// deathsAllowed is after how many deaths of its workers an item is given up.
const deathsAllowed = 3

// runPoisonedWorker is a cruncher with an operation that takes its whole process with it.
func runPoisonedWorker(url string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	nc, err := host.Connect(context.Background(), host.ConnectConfig{URL: url, Name: "poisoned worker", Wait: time.Minute, Log: log})
	if err == nil {
		set := cruncher.Builtin()
		set["die"] = ops.Op{Name: "die", Run: func(context.Context, ops.Input) (ops.Output, error) {
			os.Exit(42)
			return ops.Output{}, nil
		}}
		set["linger"] = ops.Op{Name: "linger", Run: func(ctx context.Context, _ ops.Input) (ops.Output, error) {
			select {
			case <-time.After(100 * time.Millisecond):
				return ops.Output{}, nil
			case <-ctx.Done():
				return ops.Output{}, ctx.Err()
			}
		}}
		limits := stage.DefaultLimits()
		limits.Deliveries = deathsAllowed
		env := host.Env{Conn: nc, Log: log, Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider()}
		var worker *cruncher.Service
		if worker, err = cruncher.New(env, cruncher.Config{Concurrency: 4, Limits: limits}, set); err == nil {
			err = worker.Run(context.Background(), context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestPoison is about an item that kills whatever worker it comes to, among others that are on that worker by bad luck.
func TestPoison(t *testing.T) {
	m := start(t, random(t), "--ack-wait", "1s")
	m.service("sink", "--db", m.db)
	m.service("ingest")
	nc := process.Connect(t, m.url)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	const n = 40
	poison := map[int]bool{3: true, 20: true}
	for i := range n {
		op := "linger"
		if poison[i] {
			op = "die"
		}
		putStep(t, js, i, op)
	}
	require.Eventually(t, func() bool {
		_, err := nc.Request(events.SubjectBatchClose, fmt.Appendf(nil, `{"batch":"poisoned","total":%d}`, n), time.Second)
		return err == nil
	}, patience, 50*time.Millisecond)

	self, err := os.Executable()
	require.NoError(t, err)
	m.add("worker", process.Spec{Path: self, Env: []string{poisonedWorker + "=" + m.url}})
	c, err := client.New(nc)
	require.NoError(t, err)
	giveUp := time.Now().Add(patience)
	m.tend(func() bool {
		b, err := c.Batch(t.Context(), "poisoned")
		return err == nil && b.IsFinished() || time.Now().After(giveUp)
	})

	eventuallyIdle(t, js)
	all := rows(t, m.db)
	require.Len(t, all, n)
	for _, r := range all {
		if poison[r.index] {
			require.Equal(t, string(events.ReasonWorkerLost), r.reason, "%+v", r)
		} else {
			require.Equal(t, "ok", r.status, "%+v", r)
		}
	}
	require.Len(t, deadLetters(t, js), len(poison))
	t.Logf("the worker died %d times", m.members[len(m.members)-1].falls)
}

// putStep puts an item where its first step waits for a worker.
func putStep(t *testing.T, js jetstream.JetStream, i int, op string) {
	t.Helper()
	it := events.Item{
		ID: events.IDFromKey(fmt.Sprint("poisoned/", i)), Recipe: "poisoned", Batch: "poisoned", Index: int64(i),
		Lane: events.LaneNormal, Plan: events.Plan{Crunch: []events.Step{{Op: op}}}, Submitted: time.Now().UTC(),
	}
	data, err := json.Marshal(it)
	require.NoError(t, err)
	msg := nats.NewMsg(events.StepSubject(events.StageCrunch, it.Lane, op))
	msg.Data = data
	for k, v := range events.Headers(events.MsgID(it.ID, events.StageCrunch), events.TypeItem, events.StageIngest) {
		msg.Header.Set(k, v)
	}
	_, err = js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
}
