package notices

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
	"github.com/fetchmill/fetchmill/services/sink/notices/wording"
)

// The test binary is also a sink's service of notices in a process of its own, which can be killed.
const (
	envBroker = "FETCHMILL_TEST_NOTICES_BROKER"
	envHook   = "FETCHMILL_TEST_NOTICES_HOOK"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(envBroker); url != "" {
		os.Exit(process(url, os.Getenv(envHook)))
	}
	leaktest.Main(m)
}

// process runs the service until it is killed.
func process(url, hook string) int {
	nc, err := nats.Connect(url, nats.Timeout(time.Minute))
	if err != nil {
		return 1
	}
	w, err := outlet.NewWebhook(outlet.WebhookConfig{URL: secret.New(hook), Timeout: time.Minute})
	if err != nil {
		return 1
	}
	s, err := New(environment(nc, io.Discard), Config{Channels: &channels.Catalogue{Channels: []*channels.Channel{hooked("ops", w)}}})
	if err != nil {
		return 1
	}
	s.Run(context.Background(), context.Background())
	return 0
}

func environment(nc *nats.Conn, log io.Writer) host.Env {
	return host.Env{
		Conn: nc, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider(),
	}
}

// hooked is a channel that sends each notice by itself.
func hooked(name string, o channels.Outlet) *channels.Channel {
	return &channels.Channel{
		Name: name, Kind: "webhook", Outlet: o, Wording: wording.Default(), MaxText: wording.MaxText, Concurrency: 1, MaxAge: time.Hour,
	}
}

// office is a broker with services of notices on it.
type office struct {
	t      *testing.T
	broker *brokertest.Broker
	js     jetstream.JetStream
	log    *logbook
}

type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newOffice(t *testing.T) *office {
	t.Helper()
	b := brokertest.New(t)
	b.Provision(topology.Default())
	return &office{t: t, broker: b, js: b.JetStream(), log: new(logbook)}
}

// quick are pauses for tests.
var quick = stage.Backoff{First: 5 * time.Millisecond, Most: 50 * time.Millisecond}

// open runs a service until the test ends, or stop is called.
func (o *office) open(list ...*channels.Channel) (s *Service, stop func()) {
	o.t.Helper()
	return o.openWith(Config{Channels: &channels.Catalogue{Channels: list}})
}

func (o *office) openWith(cfg Config) (s *Service, stop func()) {
	o.t.Helper()
	if cfg.Backoff == (stage.Backoff{}) {
		cfg.Backoff = quick
	}
	if cfg.Look == 0 {
		cfg.Look = 20 * time.Millisecond
	}
	s, err := New(environment(o.broker.Connect(), o.log), cfg)
	require.NoError(o.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	o.t.Cleanup(stop)
	return s, stop
}

func down(channel, what string) *events.Notice {
	now := time.Now().UTC()
	return &events.Notice{
		ID: events.NoticeID(channel, events.NoticeDown, what), Kind: events.NoticeDown, Channel: channel, What: what, Cause: "status 503", Since: now, At: now,
	}
}

// decide publishes notices as the outbox does.
func (o *office) decide(list ...*events.Notice) {
	o.t.Helper()
	for _, n := range list {
		out, err := outgoing(n)
		require.NoError(o.t, err)
		m := &nats.Msg{Subject: out.Subject, Data: out.Data, Header: nats.Header{}}
		for k, v := range out.Header {
			m.Header.Set(k, v)
		}
		_, err = o.js.PublishMsg(o.t.Context(), m)
		require.NoError(o.t, err)
	}
}

// waiting is how many notices are in the stream.
func (o *office) waiting() int {
	s, err := o.js.Stream(context.Background(), topology.StreamNotices)
	require.NoError(o.t, err)
	return int(s.CachedInfo().State.Msgs)
}

func (o *office) allSent() {
	o.t.Helper()
	require.Eventually(o.t, func() bool { return o.waiting() == 0 }, time.Minute, 5*time.Millisecond, "notices are left")
}

// letters are the dead letters of notices.
func (o *office) letters() []*jetstream.RawStreamMsg {
	o.t.Helper()
	s, err := o.js.Stream(context.Background(), topology.StreamDead)
	require.NoError(o.t, err)
	var list []*jetstream.RawStreamMsg
	for seq := s.CachedInfo().State.FirstSeq; seq > 0 && seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(context.Background(), seq)
		require.NoError(o.t, err)
		list = append(list, m)
	}
	return list
}

// hook is a receiver of webhooks on 127.0.0.1.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string
	what   []string // of the notices, in the order in which they came
	tried  int
	answer func(w http.ResponseWriter, b hookBody) bool // tells whether it has taken the message; nil takes all
}

type hookBody struct {
	Type string
	Data json.RawMessage
}

func (b hookBody) notices(t testing.TB) []events.Notice {
	t.Helper()
	var d struct{ Notices []events.Notice }
	if b.Type == "notice.digest" {
		require.NoError(t, json.Unmarshal(b.Data, &d))
		return d.Notices
	}
	var n events.Notice
	require.NoError(t, json.Unmarshal(b.Data, &n))
	return []events.Notice{n}
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := new(hook)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var b hookBody
		if err != nil || json.Unmarshal(data, &b) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		h.mu.Lock()
		h.tried++
		answer := h.answer
		h.mu.Unlock()
		if answer != nil && !answer(w, b) {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ids = append(h.ids, r.Header.Get("webhook-id"))
		for _, n := range b.notices(t) {
			h.what = append(h.what, n.What)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answers(f func(w http.ResponseWriter, b hookBody) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

func (h *hook) attempts() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tried
}

func (h *hook) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.what...)
}

func (h *hook) messages() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.ids...)
}

func (h *hook) outlet(t *testing.T) *outlet.Webhook {
	t.Helper()
	w, err := outlet.NewWebhook(outlet.WebhookConfig{URL: secret.New(h.URL), Timeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// saying answers with a status.
func saying(status int, header ...string) func(http.ResponseWriter, hookBody) bool {
	return func(w http.ResponseWriter, _ hookBody) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		return false
	}
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return list
}

func (o *office) decideAll(channel string, what []string) {
	o.t.Helper()
	for _, w := range what {
		o.decide(down(channel, w))
	}
}
