package jq_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func outputs(ctx context.Context, t *testing.T, query, document string) (list []any, err error) {
	t.Helper()
	q, err := jq.NewCache(2).Get(query)
	require.NoError(t, err)
	doc, err := jq.Decode([]byte(document))
	require.NoError(t, err)
	for v, err := range q.Outputs(ctx, doc) {
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}

func TestQuery(t *testing.T) {
	t.Run("yields what came before an error", func(t *testing.T) {
		list, err := outputs(t.Context(), t, `"a", "b", error("no")`, `1`)
		require.Equal(t, []any{"a", "b"}, list)
		require.Equal(t, events.ReasonComputation, ops.AsFailure(err).Reason)
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := outputs(ctx, t, `last(range(infinite))`, `1`)
		require.Error(t, err)
		require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
	})
	t.Run("that is empty is refused with a remedy", func(t *testing.T) {
		_, err := jq.NewCache(1).Get("")
		require.ErrorContains(t, err, "write .")
		require.Equal(t, events.ReasonInvalidParameter, ops.AsFailure(err).Reason)
	})
}

func TestEncode_is_bounded(t *testing.T) {
	raw, err := jq.Encode([]any{"abc"}, 7)
	require.NoError(t, err)
	require.Equal(t, `["abc"]`, string(raw))
	_, err = jq.Encode([]any{"abc"}, 6)
	require.Equal(t, events.ReasonTooLarge, ops.AsFailure(err).Reason)
}
