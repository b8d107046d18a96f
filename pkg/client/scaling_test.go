package client_test

import (
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestStatus_tells_how_many_instances_are_wanted(t *testing.T) {
	c, b := start(t)
	for range 2 {
		service, err := micro.AddService(b.NC, micro.Config{Name: "fetcher", Version: "1.0.0", StatsHandler: func(*micro.Endpoint) any {
			return events.Load{Limit: 32, InFlight: 32, Rate: 150, Capacity: 160}
		}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = service.Stop() })
		require.NoError(t, service.AddEndpoint("load", micro.HandlerFunc(func(micro.Request) {}), micro.WithEndpointSubject("load.fetch")))
	}
	s := status(t, c, 3)
	require.Len(t, s.Scaling, 4)
	fetch := s.Scaling[1]
	require.Equal(t, client.StageScaling{
		Stage: events.StageFetch, Service: "fetcher", Stream: "FETCH", Replicas: 2, Places: 32, Busy: 64,
		Rate: 300, Capacity: 160, Arrival: 300, Wanted: 2,
	}, fetch)
	require.Equal(t, 1, s.Scaling[0].Wanted)
}

func TestStatus_Wanted(t *testing.T) {
	s := &client.Status{
		Streams: []client.StreamStatus{{Name: "CRUNCH"}},
		Consumers: []client.ConsumerStatus{
			{Stream: "CRUNCH", Name: "high", Pending: 100, InProgress: 1}, {Stream: "CRUNCH", Name: "normal", Pending: 500, InProgress: 3}, {Stream: "DONE", Pending: 1e9},
		},
		Services: []client.ServiceStatus{
			{Name: "cruncher", Load: &events.Load{Limit: 2, InFlight: 2, Capacity: 5}},
			{Name: "cruncher"},
			{Name: "cruncher", Load: &events.Load{Limit: 2, InFlight: 2, Capacity: math.Inf(1), Rate: math.NaN()}},
			{Name: "fetcher", Load: &events.Load{Limit: 1}},
		},
	}
	want := func(within time.Duration) client.StageScaling {
		list := s.Wanted(client.ScalingOptions{Within: within})
		require.Len(t, list, 1, "a stage without a stream is not told of")
		return list[0]
	}
	require.Equal(t, client.StageScaling{
		Stage: events.StageCrunch, Service: "cruncher", Stream: "CRUNCH", Lag: 604, Pending: 600, InProgress: 4,
		Capacity: 5, Busy: 4, Places: 2, Replicas: 3, Wanted: 2,
	}, want(0))
	require.Equal(t, 12, want(10*time.Second).Wanted)
}
