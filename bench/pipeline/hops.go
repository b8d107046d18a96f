// Package pipeline measures no-op items through all stages, against reference loops with the same hops and message sizes.
package pipeline

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// hop is one station of the reference loops: where messages are taken from, and what is published for each.
type hop struct {
	stream, consumer string
	next             stage.Outgoing // a template; each message has its own Nats-Msg-Id
}

// hops returns the stations that a no-op item passes, with messages as the services make them, so that the
// reference loops move the same headers and the same bytes.
func hops() ([]hop, error) {
	now := time.Now()
	id := events.NewID(now)
	item := &events.Item{
		ID: id, Recipe: "noop", Batch: "bench", Index: 123456, Key: "123456", Lane: events.LaneNormal,
		Params: json.RawMessage(`{"key":"123456"}`), Submitted: now.UTC(),
		Plan: events.Plan{Fetch: &events.Step{Op: "noop"}, Crunch: []events.Step{{Op: "noop"}}},
	}
	var list []hop
	station := func(stream, consumer string, from events.Stage) error {
		next, err := stage.Forward(item, from, now)
		if err != nil {
			return err
		}
		list = append(list, hop{stream, consumer, next})
		return nil
	}
	normal := topology.LaneConsumer(events.LaneNormal)
	if err := station(topology.StreamWork, topology.ConsumerIngest, events.StageIngest); err != nil {
		return nil, err
	}
	item.Plan.Fetch, item.Attempts = nil, 1
	if err := station(topology.StreamFetch, normal, events.StageFetch); err != nil {
		return nil, err
	}
	item.Plan.Crunch = nil
	if err := station(topology.StreamCrunch, normal, events.StageCrunch); err != nil {
		return nil, err
	}
	result, err := json.Marshal(item.Result(events.StatusOK, now))
	if err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	return append(list, hop{topology.StreamResults, topology.ConsumerSink, stage.Outgoing{
		Subject: events.DoneSubject("noop"), Data: result,
		Header: events.Headers(id+".done", events.TypeResult, events.StageSink),
	}}), nil
}
