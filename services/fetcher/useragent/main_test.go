package useragent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

type headers map[string]string

// agent makes an Agent that may reach 127.0.0.1, and nothing else that is not public.
func agent(t testing.TB, change ...func(*Config)) *Agent {
	t.Helper()
	guard, err := netguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, nil)
	require.NoError(t, err)
	cfg := Config{Guard: guard, UserAgent: "test"}
	for _, c := range change {
		c(&cfg)
	}
	a, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func site(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// answer is what came of a fetch.
type answer struct {
	Body  []byte
	Fetch *events.FetchFacts
}

// get fetches a URL as most operations do.
func get(t testing.TB, a *Agent, url string, with ...headers) (answer, error) {
	t.Helper()
	r := Request{URL: url}
	if len(with) > 0 {
		r.Headers = with[0]
	}
	return fetch(t.Context(), a, http.MethodGet, r)
}

func fetch(ctx context.Context, a *Agent, method string, r Request) (answer, error) {
	x, err := a.Exchange(r)
	if err != nil {
		return answer{}, err
	}
	resp, err := x.Send(ctx, method)
	if err != nil {
		return answer{Fetch: x.Facts()}, err
	}
	if resp.StatusCode >= 300 {
		defer Discard(resp)
		return answer{Fetch: x.Facts()}, x.StatusFailure(resp)
	}
	body, err := x.Body(ctx, resp)
	return answer{Body: body, Fetch: x.Facts()}, err
}

// fails requires a failure with a verdict.
func fails(t testing.TB, err error, reason events.Reason, temporary bool) {
	t.Helper()
	require.Error(t, err)
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, reason, f.Reason, err)
	require.Equal(t, temporary, f.Temporary, err)
	require.NotEmpty(t, err.Error())
	require.LessOrEqual(t, len(err.Error()), maxErrorBytes+400)
}
