package fetcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// shelf keeps bodies in the bucket of bodies, as an operation sees it.
type shelf struct{ store jetstream.ObjectStore }

func (s shelf) Put(ctx context.Context, r io.Reader) (events.BodyRef, error) {
	info, err := s.store.Put(ctx, jetstream.ObjectMeta{Name: "kept"}, r)
	if err != nil {
		return events.BodyRef{}, err
	}
	ref, err := refOf(info)
	if err != nil {
		return events.BodyRef{}, err
	}
	return *ref, nil
}

func (s shelf) Get(ctx context.Context, ref events.BodyRef) (io.ReadCloser, error) {
	return s.store.Get(ctx, ref.Object)
}

func (s shelf) Renew(context.Context, events.BodyRef) error { return nil }

func bucket(t *testing.T, b *brokertest.Broker, name string) jetstream.ObjectStore {
	t.Helper()
	s, err := b.JetStream().CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: name})
	require.NoError(t, err)
	return s
}

func put(t *testing.T, s jetstream.ObjectStore, name string, data []byte) *jetstream.ObjectInfo {
	t.Helper()
	info, err := s.Put(t.Context(), jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: 1000}}, bytes.NewReader(data))
	require.NoError(t, err)
	return info
}

// withBuckets makes a Network that may read the bucket of bodies and some others, and puts up to 5,000 bytes into items.
func withBuckets(t *testing.T, b *brokertest.Broker, bodies Bodies, names ...string) *Network {
	t.Helper()
	return network(t, func(c *NetConfig) {
		c.Broker = BrokerConfig{Conn: b.Connect(), Buckets: names}
		c.Bodies, c.InlineBytes = bodies, 5000
	})
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func TestObject_yields_the_bytes(t *testing.T) {
	b := brokertest.New(t)
	bodies, reports := bucket(t, b, "bodies"), bucket(t, b, "reports")
	n := withBuckets(t, b, shelf{bodies}, "reports")
	for name, data := range map[string]string{
		"empty": "", "one": "1", "chunks of 1000": strings.Repeat("abcd", 900), "5000": strings.Repeat("x", 5000), "a/b ü.txt": "text", ".*>": "wild",
	} {
		put(t, bodies, name, []byte("body " + data)[5:])
		put(t, reports, name, []byte(data))
		for _, a := range []args{{"name": name}, {"name": name, "bucket": "reports"}} {
			out, err := run(t.Context(), t, n, "object.get", a)
			require.NoError(t, err, name)
			require.Equal(t, data, string(out.Body))
			require.Nil(t, out.BodyRef)
			require.Nil(t, out.Value)
			require.EqualValues(t, len(data), out.Fetch.Bytes)
			require.Positive(t, out.Fetch.ElapsedMS)
		}
	}
}

func TestObject_that_is_large_is_handed_on_by_reference(t *testing.T) {
	b := brokertest.New(t)
	bodies, reports := bucket(t, b, "bodies"), bucket(t, b, "reports")
	n := withBuckets(t, b, shelf{bodies}, "reports")
	data := []byte(strings.Repeat("0123456789", 30_000))
	put(t, bodies, "there", data)
	put(t, reports, "elsewhere", data)

	out, err := run(t.Context(), t, n, "object.get", args{"name": "there"})
	require.NoError(t, err)
	require.Equal(t, &events.BodyRef{Object: "there", Bytes: 300_000, SHA256: sum(data)}, out.BodyRef)
	require.Equal(t, out.BodyRef, out.Fetch.Body)
	require.Nil(t, out.Body)

	out, err = run(t.Context(), t, n, "object.get", args{"name": "elsewhere", "bucket": "reports"})
	require.NoError(t, err)
	require.Equal(t, &events.BodyRef{Object: "kept", Bytes: 300_000, SHA256: sum(data)}, out.BodyRef)
	kept, err := bodies.GetBytes(t.Context(), "kept")
	require.NoError(t, err)
	require.Equal(t, data, kept)

	_, err = run(t.Context(), t, withBuckets(t, b, nil, "reports"), "object.get", args{"name": "elsewhere", "bucket": "reports"})
	fails(t, err, events.ReasonTooLarge, false)
}

func TestObject_that_is_not_there(t *testing.T) {
	b := brokertest.New(t)
	n := withBuckets(t, b, nil, "reports")
	_, err := run(t.Context(), t, n, "object.get", args{"name": "x"})
	fails(t, err, events.ReasonNotFound, false)
	require.ErrorContains(t, err, "object bodies/x: ")

	reports := bucket(t, b, "reports")
	_, err = run(t.Context(), t, n, "object.get", args{"name": "x", "bucket": "reports"})
	fails(t, err, events.ReasonNotFound, false)

	put(t, reports, "gone", []byte("1"))
	require.NoError(t, reports.Delete(t.Context(), "gone"))
	_, err = run(t.Context(), t, n, "object.get", args{"name": "gone", "bucket": "reports"})
	fails(t, err, events.ReasonNotFound, false)
}

func TestObject_comes_only_from_buckets_that_the_operator_allows(t *testing.T) {
	b := brokertest.New(t)
	secret, reports := bucket(t, b, "secret"), bucket(t, b, "reports")
	info := put(t, secret, "x", []byte("1"))
	n := withBuckets(t, b, nil, "reports")
	_, err := run(t.Context(), t, n, "object.get", args{"name": "x", "bucket": "secret"})
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorContains(t, err, "--object-bucket secret")

	_, err = reports.AddLink(t.Context(), "link", info)
	require.NoError(t, err)
	_, err = run(t.Context(), t, n, "object.get", args{"name": "link", "bucket": "reports"})
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorContains(t, err, "links are not followed")
}

// describe replaces the description of an object, as anybody can who may write to the bucket.
func describe(t *testing.T, b *brokertest.Broker, bucket string, info jetstream.ObjectInfo, change func(*jetstream.ObjectInfo)) {
	t.Helper()
	js := b.JetStream()
	stream, err := js.Stream(t.Context(), "OBJ_"+bucket)
	require.NoError(t, err)
	last, err := stream.GetLastMsgForSubject(t.Context(), "$O."+bucket+".M.>")
	require.NoError(t, err)
	change(&info)
	data, err := json.Marshal(info)
	require.NoError(t, err)
	_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: last.Subject, Data: data, Header: nats.Header{"Nats-Rollup": {"sub"}}})
	require.NoError(t, err)
}

func TestObject_that_is_not_what_its_description_says(t *testing.T) {
	b := brokertest.New(t)
	reports := bucket(t, b, "reports")
	n := withBuckets(t, b, nil, "reports")
	info := put(t, reports, "x", []byte(strings.Repeat("x", 3000)))
	for name, change := range map[string]func(*jetstream.ObjectInfo){
		"shorter":            func(i *jetstream.ObjectInfo) { i.Size-- },
		"longer":             func(i *jetstream.ObjectInfo) { i.Size++ },
		"other digest":       func(i *jetstream.ObjectInfo) { i.Digest = "SHA-256=" + strings.Repeat("A", 43) + "=" },
		"no digest":          func(i *jetstream.ObjectInfo) { i.Digest = "" },
		"no id":              func(i *jetstream.ObjectInfo) { i.NUID = "" },
		"everybody's chunks": func(i *jetstream.ObjectInfo) { i.NUID = ">" },
		"other chunks":       func(i *jetstream.ObjectInfo) { i.NUID = "other" },
	} {
		describe(t, b, "reports", *info, change)
		out, err := run(t.Context(), t, n, "object.get", args{"name": "x", "bucket": "reports"})
		fails(t, err, events.ReasonStorage, true)
		require.Nil(t, out.Body, name)
	}
	describe(t, b, "reports", *info, func(*jetstream.ObjectInfo) {})
	_, err := run(t.Context(), t, n, "object.get", args{"name": "x", "bucket": "reports"})
	require.NoError(t, err)
}

func TestObject_fails_for_now_when_the_broker_is_away(t *testing.T) {
	b := brokertest.New(t)
	bucket(t, b, "bodies")
	n := withBuckets(t, b, nil)
	b.Stop()
	require.Eventually(t, func() bool { return n.cfg.Broker.Conn.Status() == nats.RECONNECTING }, time.Minute, time.Millisecond)
	_, err := run(soon(t, time.Second), t, n, "object.get", args{"name": "x"})
	fails(t, err, events.ReasonStorage, true)

	_, err = run(t.Context(), t, network(t), "object.get", args{"name": "x"})
	fails(t, err, events.ReasonStorage, false)
}

func TestObject_is_called_off_without_a_verdict(t *testing.T) {
	b := brokertest.New(t)
	bucket(t, b, "bodies")
	n := withBuckets(t, b, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := run(ctx, t, n, "object.get", args{"name": "x"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
}

func TestObject_refuses_arguments_that_name_none(t *testing.T) {
	n := network(t)
	for _, a := range []args{{}, {"bucket": "bodies"}, {"name": ""}} {
		_, err := run(t.Context(), t, n, "object.get", a)
		fails(t, err, events.ReasonMissingParameter, false)
	}
	for _, a := range []args{
		{"name": 1},
		{"name": strings.Repeat("x", maxObjectName+1)},
		{"name": "x", "bucket": ""},
		{"name": "x", "bucket": "a.b"},
		{"name": "x", "bucket": "a>"},
		{"name": "x", "bucket": strings.Repeat("b", 101)},
		{"name": "x", "store": "bodies"},
	} {
		_, err := run(t.Context(), t, n, "object.get", a)
		fails(t, err, events.ReasonInvalidParameter, false)
	}
}
