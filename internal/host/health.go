package host

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fetchmill/fetchmill/internal/web"
)

// Check tells what is wrong with one thing that a service depends on, or nil. It must return soon after ctx ends.
type Check func(ctx context.Context) error

// Health knows whether the process can do its work. Its zero value is ready for use and ready.
type Health struct {
	mu       sync.RWMutex
	checks   map[string]Check
	draining bool
}

const checkTimeout = 2 * time.Second

// Add adds a named check, or replaces it.
func (h *Health) Add(name string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = make(map[string]Check)
	}
	h.checks[name] = c
}

// Drain makes the process not ready for good. Call it at the first stop signal, so that load balancers look elsewhere
// while the work in hand is finished.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Readiness is the JSON answer of /readyz.
type Readiness struct {
	Status  string            `json:"status"`            // "ready", "draining" or "failing"
	Failing map[string]string `json:"failing,omitempty"` // checks that fail, with the reason
}

// Ready runs all checks side by side.
func (h *Health) Ready(ctx context.Context) Readiness {
	h.mu.RLock()
	draining := h.draining
	checks := make(map[string]Check, len(h.checks))
	for name, c := range h.checks {
		checks[name] = c
	}
	h.mu.RUnlock()

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		failing = make(map[string]string)
	)
	for name, c := range checks {
		wg.Go(func() {
			if err := c(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failing[name] = err.Error()
			}
		})
	}
	wg.Wait()

	r := Readiness{Status: "ready", Failing: failing}
	if len(failing) > 0 {
		r.Status = "failing"
	}
	if draining {
		r.Status = "draining"
	}
	return r
}

// Register adds /healthz, /readyz and /metrics to mux. /healthz is 200 while the process lives: it must not depend on the
// broker, or an orchestrator would restart all services because one broker is away.
func (h *Health) Register(mux *http.ServeMux, metrics prometheus.Gatherer) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready := h.Ready(r.Context())
		status := http.StatusOK
		if ready.Status != "ready" {
			status = http.StatusServiceUnavailable
		}
		web.WriteJSON(w, status, ready)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
}

// Connected checks that the connection to the broker is up.
func Connected(nc *nats.Conn) Check {
	return func(context.Context) error {
		if status := nc.Status(); status != nats.CONNECTED {
			return fmt.Errorf("connection to the broker is %s", strings.ToLower(status.String()))
		}
		return nil
	}
}
