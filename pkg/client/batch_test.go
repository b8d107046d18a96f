package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestBatch(t *testing.T) {
	t.Run("is waited for until all of it has ended", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Submit(t.Context(), "page", client.Texts("a", "fail b", "c"), client.SubmitOptions{Batch: "b1"})
		require.NoError(t, err)
		var last events.Batch
		b, err := c.WaitBatch(t.Context(), "b1", client.WaitOptions{OnProgress: func(b events.Batch) { last = b }})
		require.NoError(t, err)
		require.Equal(t, events.BatchStateDone, b.State)
		require.EqualValues(t, 2, b.OK)
		require.EqualValues(t, 1, b.Failed)
		require.Equal(t, *b, last)

		counts, err := c.Counts(t.Context(), events.CountQuery{Batch: "b1"})
		require.NoError(t, err)
		require.Equal(t, []events.Count{
			{Recipe: "page", Status: events.StatusFailed, Reason: events.ReasonHTTPStatus, Count: 1},
			{Recipe: "page", Status: events.StatusOK, Count: 2},
		}, counts)
	})
	t.Run("ends when it is cancelled", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Submit(t.Context(), "page", client.Texts("hold"), client.SubmitOptions{Batch: "b2"})
		require.NoError(t, err)
		cancelled := false
		b, err := c.WaitBatch(t.Context(), "b2", client.WaitOptions{OnProgress: func(events.Batch) {
			if !cancelled {
				cancelled = true
				require.NoError(t, c.CancelBatch(t.Context(), "b2"))
			}
		}})
		require.NoError(t, err)
		require.Equal(t, events.BatchStateCancelled, b.State)
	})
	t.Run("that nobody knows is an error, after some patience", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Batch(t.Context(), "nosuch")
		require.ErrorIs(t, err, client.ErrNoBatch)
		_, err = c.WaitBatch(t.Context(), "nosuch", client.WaitOptions{Patience: 80 * time.Millisecond})
		require.ErrorIs(t, err, client.ErrNoBatch)
		_, err = c.WaitBatch(t.Context(), "no such", client.WaitOptions{Patience: time.Hour})
		require.ErrorIs(t, err, events.ErrName)
	})
	t.Run("is waited for while the sink is away", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		c := connect(t, b)
		_, err := c.WaitBatch(t.Context(), "later", client.WaitOptions{Patience: 80 * time.Millisecond})
		require.ErrorIs(t, err, client.ErrNoService)

		ended := make(chan error, 1)
		go func() {
			_, err := c.WaitBatch(t.Context(), "later", client.WaitOptions{})
			ended <- err
		}()
		standin.StartPipeline(t, b)
		_, err = c.Submit(t.Context(), "page", client.Texts("a"), client.SubmitOptions{Batch: "later"})
		require.NoError(t, err)
		require.NoError(t, <-ended)
	})
	t.Run("is left when the context ends", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Submit(t.Context(), "page", client.Texts("hold"), client.SubmitOptions{Batch: "b3"})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		_, err = c.WaitBatch(ctx, "b3", client.WaitOptions{OnProgress: func(events.Batch) { cancel() }})
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("is listed, newest first", func(t *testing.T) {
		c, _ := start(t)
		for _, id := range []string{"old", "new"} {
			_, err := c.Submit(t.Context(), "page", client.Texts("a"), client.SubmitOptions{Batch: id})
			require.NoError(t, err)
		}
		var ids []string
		for b, err := range c.Batches(t.Context()) {
			require.NoError(t, err)
			ids = append(ids, b.Batch)
		}
		require.Equal(t, []string{"new", "old"}, ids)
	})
}
