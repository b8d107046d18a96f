package fetcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/validators"
)

// objects keeps bodies in an object store of the broker.
type objects struct{ jetstream.ObjectStore }

func (o objects) Put(ctx context.Context, r io.Reader) (events.BodyRef, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return events.BodyRef{}, err
	}
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	_, err = o.PutBytes(ctx, name, data)
	return events.BodyRef{Object: name, Bytes: int64(len(data)), SHA256: name}, err
}

func (o objects) Renew(ctx context.Context, ref events.BodyRef) error {
	_, err := o.GetInfo(ctx, ref.Object)
	return err
}

func (o objects) Get(ctx context.Context, ref events.BodyRef) (io.ReadCloser, error) {
	return o.ObjectStore.Get(ctx, ref.Object)
}

// versioned is a site with one document, of which it tells the version, and what it was asked.
type versioned struct {
	body, tag, control string
	asked              []string // If-None-Match of each request
}

func (v *versioned) serve(w http.ResponseWriter, r *http.Request) {
	condition := r.Header.Get("If-None-Match")
	v.asked = append(v.asked, condition)
	w.Header().Set("ETag", v.tag)
	w.Header().Set("Content-Type", "text/plain")
	if v.control != "" {
		w.Header().Set("Cache-Control", v.control)
	}
	if condition == v.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	fmt.Fprint(w, v.body)
}

func TestRevalidate(t *testing.T) {
	b := brokertest.New(t)
	b.Provision(topology.Default())
	store, err := b.JetStream().CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "test"})
	require.NoError(t, err)
	large, small := strings.Repeat("0123456789", 10_000), "small"

	// Each network is a fetcher of its own.
	fetcherOn := func(t *testing.T) *Network {
		t.Helper()
		memory, err := validators.New(b.Connect(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		require.NoError(t, err)
		return network(t, func(c *NetConfig) { c.Validators, c.Bodies = memory, objects{store} })
	}
	for name, body := range map[string]string{"a small body": small, "a large body": large, "no body": ""} {
		t.Run("another fetcher takes over "+name, func(t *testing.T) {
			v := &versioned{body: body, tag: `"1"`}
			s := site(t, v.serve)
			for i, condition := range []string{"", `"1"`, `"1"`} {
				out, err := get(t, fetcherOn(t), args{"url": s.URL, "revalidate": true})
				require.NoError(t, err)
				require.Equal(t, body, string(out.Body))
				require.Equal(t, condition, v.asked[i])
				f := out.Fetch
				require.Equal(t, i > 0, f.NotModified)
				require.Equal(t, map[bool]int{false: 200, true: 304}[i > 0], f.Status)
				require.EqualValues(t, len(body), f.Bytes)
				require.Equal(t, "text/plain", f.ContentType)
			}
			v.tag, v.body = `"2"`, "changed"
			out, err := get(t, fetcherOn(t), args{"url": s.URL, "revalidate": true})
			require.NoError(t, err)
			require.Equal(t, "changed", string(out.Body))
			require.False(t, out.Fetch.NotModified)
		})
	}
	n := fetcherOn(t)
	ask := func(t *testing.T, v *versioned, times int, more ...args) (s string) {
		t.Helper()
		server := site(t, v.serve)
		for i := range times {
			a := args{"url": server.URL, "revalidate": true}
			if i < len(more) {
				for k, value := range more[i] {
					a[k] = value
				}
			}
			out, err := get(t, n, a)
			require.NoError(t, err)
			require.Equal(t, v.body, string(out.Body))
		}
		return strings.Join(v.asked, " ")
	}
	t.Run("a 304 to our own question counts as success whatever is accepted", func(t *testing.T) {
		require.Equal(t, ` "1"`, ask(t, &versioned{body: small, tag: `"1"`}, 2, nil, args{"accept": []int{200}}))
	})
	t.Run("not without being asked to", func(t *testing.T) {
		require.Equal(t, ` `, ask(t, &versioned{body: small, tag: `"1"`}, 2, nil, args{"revalidate": false}))
	})
	t.Run("not with other headers", func(t *testing.T) {
		require.Equal(t, ` `, ask(t, &versioned{body: small, tag: `"1"`}, 2, nil, args{"headers": args{"Accept": "text/html"}}))
	})
	t.Run("not where the server forbids to keep", func(t *testing.T) {
		require.Equal(t, `  `, ask(t, &versioned{body: small, tag: `"1"`, control: "no-store"}, 3))
	})
	t.Run("what may no longer be kept is forgotten", func(t *testing.T) {
		v := &versioned{body: small, tag: `"1"`}
		s := site(t, v.serve)
		a := args{"url": s.URL, "revalidate": true}
		for _, next := range []versioned{{tag: `"2"`, control: "no-store", body: "2"}, {tag: `"1"`, body: small}, {tag: `"1"`, body: small}} {
			_, err := get(t, n, a)
			require.NoError(t, err)
			v.tag, v.body, v.control = next.tag, next.body, next.control
		}
		require.Equal(t, []string{"", `"1"`, ""}, v.asked)
	})
	t.Run("a body that is gone is asked for again in the same attempt", func(t *testing.T) {
		v := &versioned{body: large + "!", tag: `"1"`}
		s := site(t, v.serve)
		a := args{"url": s.URL, "revalidate": true}
		_, err := get(t, n, a)
		require.NoError(t, err)
		ref, err := objects{store}.Put(t.Context(), strings.NewReader(v.body))
		require.NoError(t, err)
		require.NoError(t, store.Delete(t.Context(), ref.Object))
		for range 2 {
			out, err := get(t, n, a)
			require.NoError(t, err)
			require.Equal(t, v.body, string(out.Body))
		}
		require.Equal(t, []string{"", `"1"`, "", `"1"`}, v.asked)
	})
	t.Run("a failure is not remembered", func(t *testing.T) {
		s := site(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			assert.Empty(t, r.Header.Get("If-None-Match"))
			w.WriteHeader(500)
		})
		for range 2 {
			_, err := get(t, n, args{"url": s.URL, "revalidate": true})
			fails(t, err, events.ReasonHTTPStatus, true)
		}
	})
	t.Run("conditions of the item's own are refused", func(t *testing.T) {
		_, err := get(t, n, args{"url": "http://127.0.0.1:1/", "revalidate": true, "headers": args{"if-none-match": "x"}})
		fails(t, err, events.ReasonInvalidParameter, false)
	})
	t.Run("a broker that is away costs no item", func(t *testing.T) {
		n := fetcherOn(t)
		b.Stop()
		v := &versioned{body: small, tag: `"1"`}
		s := site(t, v.serve)
		out, err := get(t, n, args{"url": s.URL, "revalidate": true})
		require.NoError(t, err)
		require.Equal(t, small, string(out.Body))
	})
	t.Run("a fetcher without a memory fetches", func(t *testing.T) {
		v := &versioned{body: small, tag: `"1"`}
		s := site(t, v.serve)
		for range 2 {
			_, err := get(t, network(t), args{"url": s.URL, "revalidate": true})
			require.NoError(t, err)
		}
		require.Equal(t, []string{"", ""}, v.asked)
	})
}
