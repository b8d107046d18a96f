package client

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/scaling"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// StageScaling tells how many instances of a service would be right for what waits for it and what comes, see docs/scaling.md.
type StageScaling struct {
	Stage      events.Stage `json:"stage"`
	Service    string       `json:"service"`
	Stream     string       `json:"stream"`
	Lag        uint64       `json:"lag"`                 // items that have come and are not done: pending and in progress
	Pending    uint64       `json:"pending"`             // of them, those that no worker has yet
	InProgress uint64       `json:"in_progress"`         // of them, those that workers have, or that rest between two attempts
	Arrival    float64      `json:"arrival_per_second"`  // items per second that come
	Rate       float64      `json:"rate_per_second"`     // items per second that all instances together have done lately
	Capacity   float64      `json:"capacity_per_second"` // items per second that one instance can do; 0 if nobody knows yet
	Busy       int          `json:"busy"`                // places taken in all instances
	Places     int          `json:"places"`              // of one instance
	Replicas   int          `json:"replicas"`            // instances that answer
	Wanted     int          `json:"wanted"`              // instances that would be right
}

// ScalingOptions say what is right. The zero value is an aim of a minute.
type ScalingOptions struct {
	Within time.Duration // in which time what waits is to be worked off
}

// stages lists who works on which stream.
func stages() []StageScaling {
	return []StageScaling{
		{Stage: events.StageIngest, Service: "ingest", Stream: "WORK"},
		{Stage: events.StageFetch, Service: "fetcher", Stream: "FETCH"},
		{Stage: events.StageCrunch, Service: "cruncher", Stream: "CRUNCH"},
		{Stage: events.StageSink, Service: "sink", Stream: "RESULTS"},
	}
}

// Wanted tells, for each stage whose stream there is, how many instances would be right. It judges this one look: whoever starts and stops
// instances by it should have some patience before stopping any.
func (s *Status) Wanted(o ScalingOptions) []StageScaling {
	bounds := scaling.Bounds{Least: 1, Within: o.Within}
	if bounds.Within <= 0 {
		bounds.Within = scaling.DefaultWithin
	}
	var list []StageScaling
	for _, one := range stages() {
		if !s.has(one.Stream) {
			continue
		}
		s.count(&one)
		one.Arrival = scaling.Arrival(s.measured[one.Stream], one.Rate, one.Pending)
		one.Wanted = bounds.Want(one.demand())
		list = append(list, one)
	}
	return list
}

func (s StageScaling) demand() scaling.Demand {
	return scaling.Demand{
		Pending: s.Pending, InProgress: s.InProgress, Arrival: s.Arrival, Capacity: s.Capacity, Busy: s.Busy, Places: s.Places, Replicas: s.Replicas,
	}
}

func (s *Status) has(stream string) bool {
	for _, one := range s.Streams {
		if one.Name == stream {
			return true
		}
	}
	return false
}

// count adds up what consumers and instances tell. One instance is the mean of those that tell.
func (s *Status) count(one *StageScaling) {
	for _, c := range s.Consumers {
		if c.Stream == one.Stream {
			one.Pending += c.Pending
			one.InProgress += uint64(max(c.InProgress, 0))
		}
	}
	one.Lag = one.Pending + one.InProgress
	places, telling, capacity, knowing := 0, 0, 0.0, 0
	for _, service := range s.Services {
		if service.Name != one.Service {
			continue
		}
		one.Replicas++
		l := service.Load
		if l == nil {
			continue
		}
		telling++
		places += l.Limit
		one.Busy += l.InFlight
		one.Rate += finite(l.Rate)
		if c := finite(l.Capacity); c > 0 {
			capacity += c
			knowing++
		}
	}
	if telling > 0 {
		one.Places = max(places/telling, 1)
	}
	if knowing > 0 {
		one.Capacity = capacity / float64(knowing)
	}
}

// finite is what is left of a number that somebody else says.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return 0
	}
	return f
}

// arrived counts what has come into the streams of stages since s was taken.
func (c *Client) arrived(ctx context.Context, s *Status) (map[string]uint64, error) {
	counts := map[string]uint64{}
	for _, one := range stages() {
		for _, was := range s.Streams {
			if was.Name != one.Stream {
				continue
			}
			stream, err := c.js.Stream(ctx, one.Stream)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if now := stream.CachedInfo().State.LastSeq; now >= was.LastSeq { // otherwise it was made anew
				counts[one.Stream] = now - was.LastSeq
			}
		}
	}
	return counts, nil
}
