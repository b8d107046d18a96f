// Package validators remembers what servers call the versions that were fetched last (ETag, Last-Modified), so that a fetcher can ask for
// another version only. All fetchers share the memory, which is a bucket on the broker.
//
// It never answers in the place of a server, and it never fails a fetch: what cannot be remembered or recalled is fetched whole.
package validators

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

const (
	// patience is how long the broker may take. A fetch takes longer, mostly, and does not need the answer.
	patience = 2 * time.Second
	// maxEntry bounds an entry in bytes: a URL of 8 KiB and some short texts, escaped.
	maxEntry = 128 << 10
	// quiet is how often a fault is logged at most; all of them are counted.
	quiet = time.Minute
)

// Entry is what is known of the last answer to a request.
type Entry struct {
	useragent.Version
	ContentType string `json:"content_type,omitempty"`
	Charset     string `json:"charset,omitempty"`
	// Small is a body of at most SmallBytes. Body refers to a larger one.
	Small []byte          `json:"small,omitempty"`
	Body  *events.BodyRef `json:"body,omitempty"`
}

// SmallBytes is how large a body may be that is remembered as a part of its entry, which saves a store the trouble with the many small
// answers of APIs.
const SmallBytes = 16 << 10

// Memory recalls entries. It is safe for concurrent use.
type Memory struct {
	js       jetstream.JetStream
	log      *slog.Logger
	warn     rate.Sometimes
	outcomes *prometheus.CounterVec

	mu sync.Mutex
	kv jetstream.KeyValue // nil until the bucket was found
}

// Outcomes of the metric.
const (
	outcomeKnown   = "known"   // there was an entry to ask with
	outcomeUnknown = "unknown" // there was none
	outcomeStored  = "stored"  // an entry was written
	outcomeLost    = "lost"    // the bucket or the store of bodies failed
)

// New makes a memory on a connection. Nothing is asked of the broker yet.
func New(nc *nats.Conn, log *slog.Logger, reg prometheus.Registerer) (*Memory, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("validators: %w", err)
	}
	m := &Memory{js: js, log: log, warn: rate.Sometimes{Interval: quiet}, outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fetchmill_fetcher_validators_total", Help: "Look-ups and changes of what servers call the versions fetched last.",
	}, []string{"outcome"})}
	for _, outcome := range []string{outcomeKnown, outcomeUnknown, outcomeStored, outcomeLost} {
		m.outcomes.WithLabelValues(outcome)
	}
	if err := reg.Register(m.outcomes); err != nil {
		return nil, fmt.Errorf("validators: %w", err)
	}
	return m, nil
}

// Key names a request: what makes the answer another one makes another key. auth is the name of the credential, and no secret; charset
// is what the item says about that of the body.
func Key(method string, r useragent.Request, auth, charset string) string {
	h := sha256.New()
	add(h, "2", method, r.URL, auth, charset, string(r.Body))
	canonical := make(map[string]string, len(r.Headers))
	for name, value := range r.Headers {
		canonical[http.CanonicalHeaderKey(name)] = value
	}
	for _, name := range slices.Sorted(maps.Keys(canonical)) {
		add(h, name, canonical[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// add hashes texts so that no two lists of them look the same.
func add(h hash.Hash, texts ...string) {
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:", len(text))
		_, _ = io.WriteString(h, text)
	}
}

// Recall returns what is known about a request.
func (m *Memory) Recall(ctx context.Context, key string) (Entry, bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := m.bucket(ctx)
	if err != nil {
		m.Lost(err)
		return Entry{}, false
	}
	raw, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		m.outcomes.WithLabelValues(outcomeUnknown).Inc()
		return Entry{}, false
	}
	if err != nil {
		m.Lost(fmt.Errorf("recall: %w", err))
		return Entry{}, false
	}
	e, err := decode(raw.Value())
	if err != nil {
		m.Lost(err)
		return Entry{}, false
	}
	m.outcomes.WithLabelValues(outcomeKnown).Inc()
	return e, true
}

// Remember writes down what is known about a request now.
func (m *Memory) Remember(ctx context.Context, key string, e Entry) {
	raw, err := json.Marshal(e)
	if err == nil && len(raw) > maxEntry {
		err = fmt.Errorf("an entry of %d bytes is not kept", len(raw))
	}
	if err == nil {
		err = m.change(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
			_, err := kv.Put(ctx, key, raw)
			return err
		})
	}
	if err != nil {
		m.Lost(fmt.Errorf("remember: %w", err))
		return
	}
	m.outcomes.WithLabelValues(outcomeStored).Inc()
}

// Forget strikes off what was known about a request.
func (m *Memory) Forget(ctx context.Context, key string) {
	err := m.change(ctx, func(ctx context.Context, kv jetstream.KeyValue) error { return kv.Purge(ctx, key) })
	if err != nil {
		m.Lost(fmt.Errorf("forget: %w", err))
	}
}

// Lost counts and logs a failure of the memory, or of the store of the bodies that it refers to.
func (m *Memory) Lost(err error) {
	m.outcomes.WithLabelValues(outcomeLost).Inc()
	m.warn.Do(func() {
		m.log.Warn("what was fetched the last time cannot be used, so it is fetched whole", "error", err)
	})
}

func (m *Memory) change(ctx context.Context, do func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := m.bucket(ctx)
	if err != nil {
		return err
	}
	return do(ctx, kv)
}

// bucket finds the bucket, once.
func (m *Memory) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	m.mu.Lock()
	kv := m.kv
	m.mu.Unlock()
	if kv != nil {
		return kv, nil
	}
	kv, err := m.js.KeyValue(ctx, topology.BucketValidators)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w: run `fetchmill setup`", topology.BucketValidators, err)
	}
	m.mu.Lock()
	m.kv = kv
	m.mu.Unlock()
	return kv, nil
}

// decode reads an entry as another fetcher has written it.
func decode(raw []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("entry: %w", err)
	}
	if e.URL == "" || e.ETag == "" && e.LastModified == "" || e.Body != nil && (e.Body.Object == "" || e.Body.Bytes < 0) {
		return e, errors.New("entry: it is not complete")
	}
	for _, value := range []string{e.ETag, e.LastModified} {
		if err := useragent.CheckField("If-None-Match", value); err != nil {
			return e, errors.New("entry: it has characters that headers cannot have")
		}
	}
	return e, nil
}
