package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// Tests put objects into stores of the broker. In nats.go 1.55 that now and then leaves a goroutine behind, which waits on a nil channel, when
// the object is stored before the goroutine has begun. Operations put none by themselves.
func TestMain(m *testing.M) {
	leaktest.Main(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

type args map[string]any

// network makes a Network that may reach 127.0.0.1, and nothing else that is not public.
func network(t testing.TB, change ...func(*NetConfig)) *Network {
	t.Helper()
	guard, err := netguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, nil)
	require.NoError(t, err)
	cfg := NetConfig{HTTP: useragent.Config{Guard: guard, UserAgent: "test"}}
	for _, c := range change {
		c(&cfg)
	}
	n, err := NewNetwork(cfg)
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}

func site(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func run(ctx context.Context, t testing.TB, n *Network, op string, a args) (ops.Output, error) {
	t.Helper()
	with, err := json.Marshal(a)
	require.NoError(t, err)
	return n.Ops()[op].Run(ctx, ops.Input{With: with, Attempt: 1})
}

func get(t testing.TB, n *Network, a args) (ops.Output, error) {
	t.Helper()
	return run(t.Context(), t, n, "http.get", a)
}

// fails requires a failure with a verdict.
func fails(t testing.TB, err error, reason events.Reason, temporary bool) {
	t.Helper()
	_ = failure(t, err, reason, temporary)
}

// failure checks the same, and returns the verdict.
func failure(t testing.TB, err error, reason events.Reason, temporary bool) *ops.Failure {
	t.Helper()
	require.Error(t, err)
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, reason, f.Reason, err)
	require.Equal(t, temporary, f.Temporary, err)
	require.NotEmpty(t, err.Error())
	require.LessOrEqual(t, len(err.Error()), 1000)
	return f
}

func soon(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
