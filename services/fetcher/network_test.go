package fetcher

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestNewNetwork_needs_no_settings(t *testing.T) {
	set, err := Builtin(NetConfig{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"dns.lookup", "file.read", "file.write", "http.check", "http.get", "http.pages", "http.request", "nats.request", "noop",
		"object.get", "sleep", "sql.query", "tcp.connect", "tls.check",
	}, set.Names())
}

func TestNoop_does_nothing(t *testing.T) {
	out, err := run(t.Context(), t, network(t), "noop", args{"whatever": 1})
	require.NoError(t, err)
	require.Equal(t, ops.Output{}, out)
}

func TestSleep(t *testing.T) {
	n := network(t)
	t.Run("sleeps as long as asked", func(t *testing.T) {
		start := time.Now()
		out, err := run(t.Context(), t, n, "sleep", args{"seconds": 0.03})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
		require.JSONEq(t, `{"slept_s":0.03}`, string(out.Value))
	})
	t.Run("ends with its context", func(t *testing.T) {
		_, err := run(soon(t, 20*time.Millisecond), t, n, "sleep", args{"seconds": 86400})
		fails(t, err, events.ReasonTimeout, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = run(ctx, t, n, "sleep", args{"seconds": 86400})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorAs(t, err, new(*ops.Failure))
	})
	t.Run("refuses other arguments", func(t *testing.T) {
		_, err := run(t.Context(), t, n, "sleep", args{})
		fails(t, err, events.ReasonMissingParameter, false)
		for _, a := range []args{{"seconds": -1}, {"seconds": 86401}, {"seconds": "1"}, {"seconds": 1, "x": 1}} {
			_, err := run(t.Context(), t, n, "sleep", a)
			fails(t, err, events.ReasonInvalidParameter, false)
		}
	})
}
