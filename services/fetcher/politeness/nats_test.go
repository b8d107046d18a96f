package politeness

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
)

// counting is an HTTP server that sees how it is treated, by Host header.
type counting struct {
	*httptest.Server
	mu       sync.Mutex
	inflight map[string]int
	most     map[string]int
	served   map[string]int
	by       map[string]int // User-Agent
}

func newCounting(t *testing.T, took time.Duration) *counting {
	t.Helper()
	c := &counting{inflight: map[string]int{}, most: map[string]int{}, served: map[string]int{}, by: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.inflight[r.Host]++
		c.most[r.Host] = max(c.most[r.Host], c.inflight[r.Host])
		c.served[r.Host]++
		c.by[r.UserAgent()]++
		c.mu.Unlock()
		pass(r.Context(), took)
		c.mu.Lock()
		c.inflight[r.Host]--
		c.mu.Unlock()
	}))
	t.Cleanup(c.Close)
	return c
}

// client is a fetcher: it asks for a turn and sends a request.
type client struct {
	p    *Politeness
	id   string
	to   *counting
	http *http.Client
	end  func()
}

// announce is how often clients say that they are there. Who stands still for 4 times as long is taken for gone, and its share is somebody else's.
const announce = 3 * time.Second

func newClient(t *testing.T, b *brokertest.Broker, to *counting, id string, l Limit) *client {
	t.Helper()
	p, end := peerOn(t, OnNATS(b.Connect()), Config{Limits: limited(l), ID: id, Announce: announce})
	tr := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{p: p, id: id, to: to, http: &http.Client{Transport: tr}, end: end}
}

// get sends one request, or comes later. It tells whether it was sent.
func (c *client) get(ctx context.Context, host string) (bool, error) {
	got, err := c.p.Ask(ctx, HostOf(&url.URL{Scheme: "http", Host: host}), Wish{}, nil)
	if err != nil {
		return false, err
	}
	defer got.Done(Outcome{Result: Answered})
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, c.to.URL, http.NoBody)
	if err != nil {
		return false, err
	}
	req.Host = host
	req.Header.Set("User-Agent", c.id)
	resp, err := c.http.Do(req)
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

// work sends requests to the hosts, so many at the same time to each, until ctx ends.
func (c *client) work(ctx context.Context, t *testing.T, wg *sync.WaitGroup, parallel int, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		for range parallel {
			wg.Go(func() {
				for ctx.Err() == nil {
					if _, err := c.get(ctx, host); err != nil {
						pass(ctx, 20*time.Millisecond)
					}
				}
			})
		}
	}
}

func TestOnNATS(t *testing.T) {
	t.Run("five fetchers keep a limit of three, while one more comes and one goes", func(t *testing.T) {
		b, server := brokertest.New(t), newCounting(t, 10*time.Millisecond)
		hosts := []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example"}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		var clients []*client
		for _, id := range []string{"one", "two", "three", "four", "five"} {
			clients = append(clients, newClient(t, b, server, id, Limit{Concurrency: 3}))
		}
		gone, leave := context.WithCancel(ctx)
		defer leave()
		var leaving sync.WaitGroup
		clients[0].work(gone, t, &leaving, 3, hosts...)
		for _, c := range clients[1:] {
			c.work(ctx, t, &wg, 3, hosts...)
		}
		served := func(id string, n int) func() bool {
			return func() bool {
				server.mu.Lock()
				defer server.mu.Unlock()
				return server.by[id] >= n
			}
		}
		for _, c := range clients {
			require.Eventually(t, served(c.id, 20), time.Minute, 10*time.Millisecond, "%s gets work", c.id)
		}
		newcomer := newClient(t, b, server, "six", Limit{Concurrency: 3})
		newcomer.work(ctx, t, &wg, 3, hosts...)
		require.Eventually(t, served("six", 20), time.Minute, 10*time.Millisecond)
		leave()
		leaving.Wait()
		clients[0].end()
		require.Eventually(t, func() bool { return newcomer.p.Fetchers() == 5 }, time.Minute, 10*time.Millisecond)
		server.mu.Lock()
		so := server.by["six"]
		server.mu.Unlock()
		require.Eventually(t, served("six", so+50), time.Minute, 10*time.Millisecond)
		cancel()
		wg.Wait()
		for _, host := range hosts {
			require.LessOrEqual(t, server.most[host], 3, host)
			require.Positive(t, server.served[host])
		}
	})

	t.Run("three fetchers keep a rate of twenty per second", func(t *testing.T) {
		b, server := brokertest.New(t), newCounting(t, 0)
		var clients []*client
		for _, id := range []string{"one", "two", "three"} {
			clients = append(clients, newClient(t, b, server, id, Limit{Rate: 20}))
		}
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		for _, c := range clients {
			c.work(ctx, t, &wg, 5, "a.example")
		}
		require.Eventually(t, func() bool {
			server.mu.Lock()
			defer server.mu.Unlock()
			return server.served["a.example"] >= 40
		}, time.Minute, 10*time.Millisecond)
		cancel()
		wg.Wait()
		most := 20*(time.Since(begin)+slack).Seconds() + float64(len(clients))
		require.LessOrEqual(t, float64(server.served["a.example"]), most)
	})

	t.Run("metrics tell what came of requests", func(t *testing.T) {
		b, reg := brokertest.New(t), prometheus.NewRegistry()
		p, _ := peerOn(t, OnNATS(b.Connect()), Config{Metrics: reg})
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Overloaded, RetryAfter: time.Minute})
		kill(t, p, dead)
		require.Equal(t, 5, broken(t, p).Failures)
		_, err := p.Ask(t.Context(), alive, Wish{}, nil)
		require.Error(t, err)
		families, err := reg.Gather()
		require.NoError(t, err)
		values := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		require.Equal(t, map[string]float64{
			"fetchmill_politeness_turns_total at_once": 6, "fetchmill_politeness_turns_total waited": 0,
			"fetchmill_politeness_turns_total later": 1, "fetchmill_politeness_turns_total broken": 1,
			"fetchmill_politeness_turns_total cancelled": 0,
			"fetchmill_politeness_hosts":                 2, "fetchmill_politeness_hosts_paused": 1,
			"fetchmill_politeness_circuits_open": 1, "fetchmill_politeness_waiting": 0, "fetchmill_politeness_fetchers": 1,
		}, values)
		_, err = New(Config{Metrics: reg})
		require.ErrorContains(t, err, "metrics")
	})

	t.Run("a connection that is closed is told", func(t *testing.T) {
		nc := brokertest.New(t).Connect()
		nc.Close()
		p := polite(t, Config{Bus: OnNATS(nc)})
		require.ErrorContains(t, p.Run(t.Context()), Subject)
	})
}
