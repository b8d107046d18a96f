package client_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestRun(t *testing.T) {
	t.Run("returns the result", func(t *testing.T) {
		c, _ := start(t)
		r, err := c.Run(t.Context(), "page", client.Item{Text: "http://a"})
		require.NoError(t, err)
		require.Equal(t, events.StatusOK, r.Status)
		require.Equal(t, "http://a", r.Key)
		r, err = c.Run(t.Context(), "page", client.Item{Params: json.RawMessage(`{"url":"u"}`)})
		require.NoError(t, err)
		require.JSONEq(t, `{"url":"u"}`, r.Key)
	})
	t.Run("returns a failed result as a result", func(t *testing.T) {
		c, _ := start(t)
		r, err := c.Run(t.Context(), "page", client.Item{Text: "fail"})
		require.NoError(t, err)
		require.Equal(t, events.ReasonHTTPStatus, r.Reason)
	})
	t.Run("returns what cannot be started as a problem", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Run(t.Context(), "unknown", client.Item{})
		var p *events.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, events.ReasonUnknownRecipe, p.Reason)
		require.ErrorContains(t, err, "fetchmill recipe ls")
	})
	t.Run("says so when nobody answers", func(t *testing.T) {
		c := connect(t, standin.StartBroker(t))
		_, err := c.Run(t.Context(), "page", client.Item{Text: "x"})
		require.ErrorIs(t, err, client.ErrNoService)
		require.ErrorContains(t, err, "fetchmill up")
	})
}

func TestResults(t *testing.T) {
	c, _ := start(t)
	_, err := c.Submit(t.Context(), "page", numbered(25), client.SubmitOptions{Batch: "b"})
	require.NoError(t, err)
	_, err = c.WaitBatch(t.Context(), "b", client.WaitOptions{})
	require.NoError(t, err)

	var next int64
	for r, err := range c.Results(t.Context(), events.ResultQuery{Batch: "b", Order: events.OrderIndex, Limit: 10}) {
		require.NoError(t, err)
		require.Equal(t, next, r.Index)
		next++
	}
	require.EqualValues(t, 25, next, "all pages")

	for r, err := range c.Results(t.Context(), events.ResultQuery{Status: events.StatusFailed}) {
		require.NoError(t, err)
		require.Fail(t, "nothing has failed", r.ID)
	}
}

func TestFollow(t *testing.T) {
	t.Run("yields what is committed since a time", func(t *testing.T) {
		c, _ := start(t)
		began := time.Now()
		_, err := c.Submit(t.Context(), "page", client.Texts("a", "fail b", "c"), client.SubmitOptions{Batch: "x"})
		require.NoError(t, err)
		_, err = c.Submit(t.Context(), "other", client.Texts("fail d"), client.SubmitOptions{})
		require.NoError(t, err)
		for r, err := range c.Follow(t.Context(), client.FollowFilter{Recipe: "page", Batch: "x", Status: events.StatusFailed, Since: began}) {
			require.NoError(t, err)
			require.Equal(t, "fail b", r.Key)
			break
		}
	})
	t.Run("ends without an error when the context ends", func(t *testing.T) {
		c, _ := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		_, err := c.Submit(ctx, "page", client.Texts("a"), client.SubmitOptions{})
		require.NoError(t, err)
		n := 0
		for _, err := range c.Follow(ctx, client.FollowFilter{Since: began}) {
			require.NoError(t, err)
			n++
			cancel()
		}
		require.Equal(t, 1, n)
	})
	t.Run("says so when there is no stream", func(t *testing.T) {
		c := connect(t, standin.StartBroker(t))
		for _, err := range c.Follow(t.Context(), client.FollowFilter{}) {
			require.ErrorIs(t, err, client.ErrNoStream)
		}
	})
}

func TestStatusOfServicesThatSaySomethingElse(t *testing.T) {
	c, b := start(t)
	for name, data := range map[string]any{"other": map[string]string{"limit": "none"}, "list": []int{1}, "empty": map[string]int{}} {
		service, err := micro.AddService(b.NC, micro.Config{
			Name: name, Version: "1.0.0", StatsHandler: func(*micro.Endpoint) any { return data },
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = service.Stop() })
		require.NoError(t, service.AddEndpoint("x", micro.HandlerFunc(func(micro.Request) {}), micro.WithEndpointSubject("x."+name)))
	}
	s := status(t, c, 4)
	for _, one := range s.Services {
		require.Equal(t, one.Name == "standin", one.Load != nil, one.Name)
	}
}

func TestWorkerLoad(t *testing.T) {
	c, b := start(t)
	_, err := c.WorkerLoad(t.Context(), events.StageFetch)
	require.ErrorIs(t, err, client.ErrNoService)
	_, err = b.NC.Subscribe(events.LoadSubject(events.StageFetch), func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"limit":5,"adaptive":false,"in_flight":4,"parked":1}`))
	})
	require.NoError(t, err)
	l, err := c.WorkerLoad(t.Context(), events.StageFetch)
	require.NoError(t, err)
	require.Equal(t, events.Load{Limit: 5, InFlight: 4, Parked: 1}, l)
}

// status asks until so many services have answered in time.
func status(t *testing.T, c *client.Client, services int) *client.Status {
	t.Helper()
	var s *client.Status
	require.Eventually(t, func() bool {
		var err error
		s, err = c.Status(t.Context())
		return err == nil && len(s.Services) == services
	}, time.Minute, time.Millisecond)
	return s
}

func TestStatus(t *testing.T) {
	c, b := start(t)
	require.NoError(t, b.JS.DeleteStream(t.Context(), "DEAD"))
	s := status(t, c, 1)
	require.NotEmpty(t, s.Broker.Version)
	require.Equal(t, []string{"DEAD"}, s.Missing)
	require.Len(t, s.Streams, 6)
	require.Len(t, s.Consumers, 1)
	require.Equal(t, "ingest", s.Consumers[0].Name)
	require.Equal(t, "standin", s.Services[0].Name)
	require.Equal(t, &standin.Load, s.Services[0].Load)
}
