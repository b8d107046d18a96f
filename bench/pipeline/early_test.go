package pipeline

import (
	"testing"
	"context"
	"log/slog"
	"encoding/json"
	"sync/atomic"
	"strconv"
	"time"
	"os"
	"runtime/pprof"

	"github.com/stretchr/testify/require"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

func TestEarly(t *testing.T) {
	n := 100000
	list, err := hops()
	require.NoError(t, err)
	for range 1 {
		b := brokertest.New(t)
		b.Provision(topology.Default())
		d, err := Bare(t.Context(), b.URL(), list, n, nil)
		require.NoError(t, err)
		t.Logf("bare %.0f/s", float64(n)/d.Seconds())
		b.Stop()
	}
	for range 1 {
		b := brokertest.New(t)
		b.Provision(topology.Default())
		env := func() host.Env { return host.Env{Conn: b.Connect(), Log: slog.Default(), Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider()} }
		no := ops.NewSet(ops.Op{Name: "noop", Run: func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil }})
		ctx, cancel := context.WithCancel(t.Context())
		ing, err := stage.New(env(), stage.Config{Stage: events.StageIngest, Concurrency: 512, Sources: []natsjs.Source{{Stream: "WORK", Consumer: "ingest"}}}, func(ctx context.Context, m stage.Message) stage.Verdict {
			idx, _ := strconv.ParseInt(m.Header["index"], 10, 64)
			item := &events.Item{
				ID: events.IDFromKey(m.Header[events.HeaderMsgID]), Recipe: "noop", Batch: "bench", Index: idx, Key: string(m.Data), Lane: events.LaneNormal,
				Params: json.RawMessage(`{"key":"`+string(m.Data)+`"}`), Submitted: time.Now().UTC(),
				Plan: events.Plan{Fetch: &events.Step{Op: "noop"}, Crunch: []events.Step{{Op: "noop"}}},
			}
			out, _ := stage.Forward(item, events.StageIngest, time.Now())
			return stage.Done(stage.OutcomeDone, out)
		})
		require.NoError(t, err)
		var got atomic.Int64
		done := make(chan bool)
		snk, err := stage.New(env(), stage.Config{Stage: events.StageSink, Concurrency: 1024, Sources: []natsjs.Source{{Stream: "RESULTS", Consumer: "sink"}}}, func(ctx context.Context, m stage.Message) stage.Verdict {
			r, err := events.DecodeResult(m.Data)
			if err != nil { panic(err) }
			if got.Add(1) == int64(n) { close(done) }
			data, _ := json.Marshal(r)
			return stage.Done(stage.OutcomeDone, stage.Outgoing{Subject: "done.noop", Header: events.Headers(r.ID+".done", events.TypeResult, events.StageSink), Data: data})
		})
		require.NoError(t, err)
		f, err := fetcher.New(env(), fetcher.Config{Concurrency: 256, Limits: stage.DefaultLimits()}, no)
		require.NoError(t, err)
		c, err := cruncher.New(env(), cruncher.Config{Concurrency: 2, Limits: stage.DefaultLimits()}, no)
		require.NoError(t, err)
		for _, r := range []interface{ Run(a, b context.Context) error }{ing, f, c, snk} {
			go r.Run(ctx, context.Background())
		}
		p, _ := os.Create("/tmp/cpu.prof")
		pprof.StartCPUProfile(p)
		nc := b.Connect()
		start := time.Now()
		require.NoError(t, produce(ctx, nc, n))
		t.Logf("produced %.0f/s", float64(n)/time.Since(start).Seconds())
		<-done
		pprof.StopCPUProfile()
		t.Logf("ours %.0f/s", float64(n)/time.Since(start).Seconds())
		cancel()
	}
}
