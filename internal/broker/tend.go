package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// tendInterval is how often the broker is looked after.
	tendInterval = 2 * time.Second
	// restInterval is how long a broker that has been started again is left alone.
	restInterval = 10 * time.Second
	// roomBytes is how much has to be free on the disk before the broker is tried again.
	roomBytes = 16 << 20
)

// ErrStuck means that the broker stores nothing any more.
var ErrStuck = errors.New("the broker stores nothing any more")

// Tend looks after the broker until ctx ends. A server that could not write, as its disk was full, never writes again, even when there is
// space: it is started again then, with everything that was stored, and clients connect again by themselves.
func (b *Broker) Tend(ctx context.Context) {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.look(ctx)
		}
	}
}

// Check tells what is wrong with the broker, as far as Tend has seen; its error wraps ErrStuck.
func (b *Broker) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trouble
}

func (b *Broker) look(ctx context.Context) {
	srv := b.server()
	if b.Check(ctx) == nil {
		reason := sick(ctx, srv)
		if reason == "" {
			return
		}
		trouble := fmt.Errorf("%w: %s: make space on the disk of %s, then it goes on by itself", ErrStuck, reason, b.dir)
		b.log.Error("nothing is accepted until the broker can write again", "error", trouble)
		b.set(srv, trouble)
	}
	if time.Since(b.started) < restInterval || !b.hasRoom() {
		return
	}
	b.started = time.Now()
	srv.Shutdown()
	srv.WaitForShutdown()
	srv, err := b.start()
	if err != nil {
		b.log.Error("the broker does not start again; the next try comes by itself", "error", err)
		return
	}
	b.set(srv, nil)
	b.log.Warn("the broker has been started again, as there is space on its disk")
}

func (b *Broker) set(srv *server.Server, trouble error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.srv, b.trouble = srv, trouble
}

// hasRoom tells whether the broker could write again, by writing.
func (b *Broker) hasRoom() bool {
	path := filepath.Join(b.dir, "room")
	err := os.WriteFile(path, make([]byte, roomBytes), 0o600)
	return errors.Join(err, os.Remove(path)) == nil
}

// sick tells what keeps a server from storing, and nothing if there is nothing. What it says of streams is to be had from its health check by HTTP
// only. Other complaints, such as of a damaged stream, would not be cured by another start.
func sick(ctx context.Context, srv *server.Server) string {
	if !srv.JetStreamEnabled() {
		return "JetStream has been disabled"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.HealthzPath, http.NoBody)
	if err != nil {
		return err.Error()
	}
	a := answer{header: http.Header{}, status: http.StatusOK}
	srv.HandleHealthz(&a, request)
	if a.status == http.StatusOK {
		return ""
	}
	var health server.HealthStatus
	if json.Unmarshal(a.body, &health) != nil || !strings.Contains(health.Error, "write error") {
		return ""
	}
	return health.Error
}

// answer is an http.ResponseWriter that keeps what it gets.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}
