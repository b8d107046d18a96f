package stage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "00-" + traceID + "-b7ad6b7169203331-01"
)

// recorder is a tracer provider that gives each span an id of its own and remembers how it went.
type recorder struct {
	embedded.TracerProvider
	mu    sync.Mutex
	spans []*recorded
}

type recorded struct {
	noop.Span
	rec    *recorder
	name   string
	parent trace.SpanContext
	own    trace.SpanContext
	ended  int
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return recording{recorder: r} }

type recording struct {
	embedded.Tracer
	*recorder
}

func (r recording) Start(ctx context.Context, name string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	parent := trace.SpanContextFromContext(ctx)
	id := parent.TraceID()
	if !id.IsValid() {
		id = trace.TraceID{1, byte(len(r.spans))}
	}
	own := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: trace.SpanID{2, byte(len(r.spans))}, TraceFlags: trace.FlagsSampled, TraceState: parent.TraceState(),
	})
	s := &recorded{rec: r.recorder, name: name, parent: parent, own: own}
	r.spans = append(r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *recorded) SpanContext() trace.SpanContext { return s.own }

func (s *recorded) End(...trace.SpanEndOption) {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	s.ended++
}

func TestTrace(t *testing.T) {
	ok := op("ok", func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil })
	fail := always("fail", ops.Fail(events.ReasonConnect, errTest))

	t.Run("passes through where nobody collects it, and so does who waits for the result", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), ok, fail)
		headers := []string{"traceparent", traceParent, "tracestate", "a=1,b=2", events.HeaderReply, "_INBOX.x", "x-own", "not carried"}
		for _, name := range []string{"ok", "fail"} {
			m.submit(item("i-"+name, events.StageFetch, name), headers...)
			msg := m.take(topology.StreamResults, topology.ConsumerSink)
			require.Equal(t, traceParent, msg.Headers().Get("traceparent"), name)
			require.Equal(t, "a=1,b=2", msg.Headers().Get("tracestate"), name)
			require.Equal(t, "_INBOX.x", msg.Headers().Get(events.HeaderReply), name)
			require.Empty(t, msg.Headers().Get("x-own"), name)
		}
		m.eventuallyEmpty(topology.StreamFetch)
		require.Equal(t, traceParent, m.dead(1)[0].Header.Get("traceparent"))
	})

	t.Run("is not begun where nobody collects it", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), ok)
		m.submit(item("i1", events.StageFetch, "ok"))
		require.NotContains(t, m.take(topology.StreamResults, topology.ConsumerSink).Headers(), "Traceparent")
	})

	t.Run("gets a span for each delivery, which ends", func(t *testing.T) {
		m := newMill(t, time.Hour)
		rec := &recorder{}
		m.env.Tracer = rec
		w := m.worker(events.StageFetch, 1, quickLimits(), failing("flaky", 1, ops.Retry(events.ReasonConnect, errTest)))
		m.submit(item("i1", events.StageFetch, "flaky"), "traceparent", traceParent, "tracestate", "a=1")
		msg := m.take(topology.StreamResults, topology.ConsumerSink)
		m.eventuallyEmpty(topology.StreamFetch)
		w.stopIntake()
		require.NoError(t, w.end())

		require.GreaterOrEqual(t, len(rec.spans), 2)
		require.LessOrEqual(t, len(rec.spans), 3, "it may come once while it rests")
		for _, s := range rec.spans {
			require.Equal(t, "process fetch", s.name)
			require.Equal(t, traceID, s.parent.TraceID().String())
			require.Equal(t, "b7ad6b7169203331", s.parent.SpanID().String())
			require.True(t, s.parent.IsRemote())
			require.Equal(t, 1, s.ended)
		}
		require.Equal(t, "00-"+traceID+"-"+rec.spans[len(rec.spans)-1].own.SpanID().String()+"-01", msg.Headers().Get("traceparent"),
			"the next stage hangs under the delivery that succeeded")
		require.Equal(t, "a=1", msg.Headers().Get("tracestate"))
	})

	t.Run("begins here when a message has none, or one that cannot be read", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.env.Tracer = &recorder{}
		m.worker(events.StageFetch, 1, quickLimits(), ok)
		m.submit(item("i1", events.StageFetch, "ok"))
		m.submit(item("i2", events.StageFetch, "ok"), "traceparent", "garbage")
		for range 2 {
			got := m.take(topology.StreamResults, topology.ConsumerSink).Headers().Get("traceparent")
			require.Regexp(t, "^00-01[0-9a-f]{30}-02[0-9a-f]{14}-01$", got)
		}
	})
}
