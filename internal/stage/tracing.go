package stage

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// tracing carries the trace of an item from message to message (W3C Trace Context), with a span for each stage.
type tracing struct {
	tracer trace.Tracer
	name   string
	idle   bool // nobody collects spans: only pass the context on
}

func newTracing(p trace.TracerProvider, stage events.Stage) *tracing {
	_, idle := p.(noop.TracerProvider)
	return &tracing{tracer: p.Tracer("github.com/fetchmill/fetchmill/internal/stage"), name: "process " + string(stage), idle: idle}
}

func (t *tracing) start(ctx context.Context, header map[string]string) (context.Context, trace.Span) {
	if t.idle && header[events.HeaderTraceParent] == "" {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(header))
	return t.tracer.Start(ctx, t.name, trace.WithSpanKind(trace.SpanKindConsumer)) //nolint:spancheck // end ends it
}

// carry writes the trace into what a verdict publishes.
func (t *tracing) carry(ctx context.Context, v Verdict) Verdict {
	if v.back || !trace.SpanContextFromContext(ctx).IsValid() { // the attempts at a step stand side by side
		return v
	}
	for _, o := range v.Publish {
		propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(o.Header))
	}
	if smaller := v.Smaller; smaller != nil {
		v.Smaller = func() Verdict { return t.carry(ctx, smaller()) }
	}
	return v
}

func (t *tracing) end(span trace.Span, o Outcome) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.String("fetchmill.outcome", string(o)))
	span.End()
}
