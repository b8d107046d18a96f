package standin

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Pipeline stands in for ingest and sink. Work whose key starts with "fail" fails, and "hold" never ends.
type Pipeline struct {
	b    *Broker
	sink *sink
}

// StartPipeline answers requests and does work until the test ends.
func StartPipeline(t testing.TB, b *Broker) *Pipeline {
	t.Helper()
	p := &Pipeline{b: b, sink: newSink()}
	svc, err := micro.AddService(b.NC, micro.Config{
		Name: "standin", Version: "1.0.0",
		StatsHandler: func(*micro.Endpoint) any { return Load },
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = svc.Stop() })
	for subject, answer := range map[string]func(*nats.Msg) (any, *events.Problem){
		events.SubjectBatchOpen:    p.batch(p.sink.open),
		events.SubjectBatchClose:   p.batch(p.sink.close),
		events.SubjectBatchCancel:  p.batch(p.sink.cancel),
		events.SubjectQueryResults: query(p.sink.results),
		events.SubjectQueryCounts:  query(p.sink.counts),
		events.SubjectQueryBatches: query(p.sink.list),
		events.RunSubject("*"):     p.run,
	} {
		name := strings.NewReplacer(".", "-", "*", "any").Replace(subject)
		require.NoError(t, svc.AddEndpoint(name, respond(answer), micro.WithEndpointSubject(subject)))
	}
	p.work(t)
	return p
}

// Load is how busy the stand-in says it is.
var Load = events.Load{Limit: 96, Adaptive: true, InFlight: 7, Parked: 3}

func respond(answer func(*nats.Msg) (any, *events.Problem)) micro.Handler {
	return micro.HandlerFunc(func(r micro.Request) {
		out, problem := answer(&nats.Msg{Subject: r.Subject(), Data: r.Data()})
		if problem != nil {
			data, _ := json.Marshal(problem)
			_ = r.Error("400", problem.Title, data)
			return
		}
		_ = r.RespondJSON(out)
	})
}

func query[Q, A any](f func(Q) A) func(*nats.Msg) (any, *events.Problem) {
	return func(m *nats.Msg) (any, *events.Problem) {
		var q Q
		if err := json.Unmarshal(m.Data, &q); err != nil {
			return nil, &events.Problem{Title: "Bad Request", Status: 400, Detail: err.Error()}
		}
		return f(q), nil
	}
}

func (p *Pipeline) batch(f func(events.BatchRequest)) func(*nats.Msg) (any, *events.Problem) {
	return query(func(q events.BatchRequest) struct{} {
		f(q)
		return struct{}{}
	})
}

// run does an item at once; an unknown recipe is a problem.
func (p *Pipeline) run(m *nats.Msg) (any, *events.Problem) {
	recipe := strings.TrimPrefix(m.Subject, events.PrefixRun)
	if recipe == "unknown" {
		return nil, &events.Problem{
			Type: "about:blank", Title: "Bad Request", Status: 400, Detail: `no recipe is called "unknown": list them with: fetchmill recipe ls`,
			Reason: events.ReasonUnknownRecipe,
		}
	}
	in, err := events.ParseInput(m.Header, m.Data, time.Now())
	if err != nil {
		return nil, &events.Problem{Title: "Bad Request", Status: 400, Detail: err.Error(), Reason: events.ReasonBadInput}
	}
	r := outcome(recipe, events.NewID(time.Now()), in)
	p.sink.add(r)
	return r, nil
}

// work consumes what is submitted, one by one, and tells on DONE.
func (p *Pipeline) work(t testing.TB) {
	t.Helper()
	cons, err := p.b.JS.CreateOrUpdateConsumer(t.Context(), "WORK", jetstream.ConsumerConfig{Durable: "ingest", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	cc, err := cons.Consume(func(m jetstream.Msg) {
		in, err := events.ParseInput(m.Headers(), m.Data(), time.Now())
		if err != nil {
			_ = m.Term()
			return
		}
		recipe := strings.TrimPrefix(m.Subject(), events.PrefixWork)
		r := outcome(recipe, events.IDFromKey(in.Key), in)
		if !strings.HasPrefix(r.Key, "hold") && p.sink.add(r) {
			data, _ := json.Marshal(r)
			_, _ = p.b.JS.Publish(ctx, events.DoneSubject(recipe), data)
		}
		_ = m.Ack()
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		cc.Stop()
		<-cc.Closed()
	})
}

func outcome(recipe, id string, in events.Input) events.Result {
	key := in.Text
	if in.Params != nil {
		key = string(in.Params)
	}
	now := time.Now().UTC()
	r := events.Result{
		ID: id, Recipe: recipe, Batch: in.Batch, Index: in.Index, Key: key, Status: events.StatusOK, Attempts: 1,
		Value: json.RawMessage(`{"ok":true}`), Submitted: now, Finished: now,
	}
	if strings.HasPrefix(key, "fail") {
		r.Status, r.Reason, r.Error, r.Value = events.StatusFailed, events.ReasonHTTPStatus, "status 500", nil
	}
	return r
}
