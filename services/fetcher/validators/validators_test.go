package validators

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// counted is a memory with the registry of its metrics.
type counted struct {
	*Memory
	registry *prometheus.Registry
}

func memory(t *testing.T, b *brokertest.Broker, log *bytes.Buffer) *counted {
	t.Helper()
	registry := prometheus.NewRegistry()
	m, err := New(b.Connect(), slog.New(slog.NewTextHandler(log, nil)), registry)
	require.NoError(t, err)
	return &counted{m, registry}
}

// count reads the metric of an outcome from the memory's registry.
func (m *counted) count(t *testing.T, outcome string) (n float64) {
	t.Helper()
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, metric := range families[0].GetMetric() {
		if metric.GetLabel()[0].GetValue() == outcome {
			n = metric.GetCounter().GetValue()
		}
	}
	return n
}

var entry = Entry{
	Version:     useragent.Version{URL: "https://example.com/ä", ETag: `W/"a"`, LastModified: "Sat, 25 Jul 2026 12:00:00 GMT"},
	ContentType: "text/html", Charset: "iso-8859-1", Body: &events.BodyRef{Object: "o", Bytes: 7, SHA256: "s"},
}

func TestMemory(t *testing.T) {
	b := brokertest.New(t)
	var log bytes.Buffer
	m := memory(t, b, &log)
	t.Run("without its bucket remembers nothing and says what to do, once", func(t *testing.T) {
		m.Remember(t.Context(), "k", entry)
		m.Forget(t.Context(), "k")
		_, ok := m.Recall(t.Context(), "k")
		require.False(t, ok)
		require.EqualValues(t, 3, m.count(t, outcomeLost))
		require.Contains(t, log.String(), "fetchmill setup")
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")))
	})
	b.Provision(topology.Default())
	t.Run("is shared", func(t *testing.T) {
		_, ok := m.Recall(t.Context(), "k")
		require.False(t, ok)
		m.Remember(t.Context(), "k", entry)
		got, ok := memory(t, b, &log).Recall(t.Context(), "k")
		require.True(t, ok)
		require.Equal(t, entry, got)
		require.EqualValues(t, 1, m.count(t, outcomeStored))
		require.EqualValues(t, 1, m.count(t, outcomeUnknown))
	})
	t.Run("forgets", func(t *testing.T) {
		m.Forget(t.Context(), "k")
		_, ok := m.Recall(t.Context(), "k")
		require.False(t, ok)
	})
	t.Run("does not take what is no entry", func(t *testing.T) {
		kv, err := b.JetStream().KeyValue(t.Context(), topology.BucketValidators)
		require.NoError(t, err)
		lost := m.count(t, outcomeLost)
		for _, raw := range []string{"", "{}", "null", `{"url":"a","etag":"\"a\r\nX: y\""}`, `{"url":"a","etag":"\"a\"","body":{"object":"","bytes":1}}`} {
			_, err := kv.PutString(t.Context(), "bad", raw)
			require.NoError(t, err)
			_, ok := m.Recall(t.Context(), "bad")
			require.False(t, ok, raw)
		}
		require.InDelta(t, lost+5, m.count(t, outcomeLost), 0)
	})
	t.Run("bears a broker that is away", func(t *testing.T) {
		b.Stop()
		_, ok := m.Recall(t.Context(), "k")
		require.False(t, ok)
		m.Remember(t.Context(), "k", entry)
	})
}

func TestKey_is_another_for_another_request(t *testing.T) {
	base := func() (string, useragent.Request, string) {
		return "GET", useragent.Request{URL: "https://a/", Headers: map[string]string{"Accept": "x", "accept-language": "de"}}, "api"
	}
	method, r, auth := base()
	same := Key(method, r, auth, "")
	r.Headers = map[string]string{"Accept-Language": "de", "accept": "x"}
	require.Equal(t, same, Key(method, r, auth, ""), "names of headers in any case")
	keys := map[string]bool{same: true, Key(method, r, auth, "keep"): true}
	require.Len(t, keys, 2)
	for _, change := range []func(method *string, r *useragent.Request, auth *string){
		func(m *string, _ *useragent.Request, _ *string) { *m = "HEAD" },
		func(_ *string, r *useragent.Request, _ *string) { r.URL = "https://a/b" },
		func(_ *string, _ *useragent.Request, a *string) { *a = "" },
		func(_ *string, r *useragent.Request, _ *string) { r.Body = []byte("x") },
		func(_ *string, r *useragent.Request, _ *string) { r.Headers["Accept"] = "y" },
		func(_ *string, r *useragent.Request, _ *string) { r.Headers = nil },
		func(_ *string, r *useragent.Request, _ *string) { r.Headers["X"] = "" },
		func(_ *string, r *useragent.Request, _ *string) {
			r.Headers = map[string]string{"Accept": "x15:Accept-Language2:de"}
		},
	} {
		method, r, auth := base()
		change(&method, &r, &auth)
		key := Key(method, r, auth, "")
		require.False(t, keys[key])
		keys[key] = true
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := json.Marshal(entry)
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(`{"url":"a","last_modified":"x","small":"AA=="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decode(raw)
		if err != nil {
			return
		}
		require.NotEmpty(t, e.ETag+e.LastModified)
		again, err := json.Marshal(e)
		require.NoError(t, err)
		_, err = decode(again)
		require.NoError(t, err)
	})
}
