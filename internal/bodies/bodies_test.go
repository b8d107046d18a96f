package bodies_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// open makes a store on a broker of its own.
func open(t *testing.T, change ...func(*topology.Config)) (*bodies.Store, *brokertest.Broker) {
	t.Helper()
	b := brokertest.New(t)
	cfg := topology.Default()
	for _, c := range change {
		c(&cfg)
	}
	b.Provision(cfg)
	return connect(t, b), b
}

func connect(t *testing.T, b *brokertest.Broker) *bodies.Store {
	t.Helper()
	s, err := bodies.New(b.Connect())
	require.NoError(t, err)
	return s
}

// random yields n bytes that nobody can compress, the same for the same seed.
func random(seed uint64, n int64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

func refOf(t *testing.T, r io.Reader) events.BodyRef {
	t.Helper()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	require.NoError(t, err)
	name := hex.EncodeToString(sum.Sum(nil))
	return events.BodyRef{Object: name, Bytes: n, SHA256: name}
}

func read(t *testing.T, s *bodies.Store, ref events.BodyRef) ([]byte, error) {
	t.Helper()
	body, err := s.Get(t.Context(), ref)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func fails(t *testing.T, err error, reason events.Reason, temporary bool) {
	t.Helper()
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, reason, f.Reason, err)
	require.Equal(t, temporary, f.Temporary, err)
}

// messages is how many messages the store has: one for each chunk, and one for each name.
func messages(t *testing.T, b *brokertest.Broker) uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), "OBJ_bodies")
	require.NoError(t, err)
	return stream.CachedInfo().State.Msgs
}

func TestStore_gives_back_what_it_got(t *testing.T) {
	s, b := open(t)
	for _, size := range []int64{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 3 << 20} {
		ref, err := s.Put(t.Context(), iotest.HalfReader(random(1, size)))
		require.NoError(t, err)
		require.Equal(t, refOf(t, random(1, size)), ref)
		got, err := read(t, s, ref)
		require.NoError(t, err)
		require.Equal(t, ref, refOf(t, bytes.NewReader(got)))

		objects, err := b.JetStream().ObjectStore(t.Context(), "bodies")
		require.NoError(t, err)
		got, err = objects.GetBytes(t.Context(), ref.Object)
		require.NoError(t, err, "other clients read it")
		require.Equal(t, ref, refOf(t, bytes.NewReader(got)))
	}
}

func TestStore_keeps_the_same_content_once(t *testing.T) {
	s, b := open(t)
	first, err := s.Put(t.Context(), random(1, 1<<20))
	require.NoError(t, err)
	require.EqualValues(t, 9, messages(t, b))
	second, err := connect(t, b).Put(t.Context(), random(1, 1<<20))
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.EqualValues(t, 9, messages(t, b))

	var all sync.WaitGroup
	for range 8 {
		s := connect(t, b)
		all.Go(func() {
			for seed := range uint64(6) {
				ref, err := s.Put(t.Context(), random(seed, 1<<20))
				if assert.NoError(t, err) {
					got, err := read(t, s, ref)
					assert.NoError(t, err)
					assert.Len(t, got, 1<<20)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 6*9, messages(t, b), "those that were too late have removed theirs")
}

func TestStore_removes_what_did_not_become_whole(t *testing.T) {
	s, b := open(t)
	broken := ops.Retry(events.ReasonConnect, errors.New("the site has gone"))
	_, err := s.Put(t.Context(), io.MultiReader(random(1, 1<<20), iotest.ErrReader(broken)))
	require.Equal(t, broken, err, "a verdict of the reader is not changed")
	require.Zero(t, messages(t, b))
	for _, broken := range []error{io.ErrNoProgress, io.ErrUnexpectedEOF, fmt.Errorf("of something else: %w", io.EOF)} {
		_, err = s.Put(t.Context(), io.MultiReader(random(1, 10), iotest.ErrReader(broken)))
		fails(t, err, events.ReasonStorage, true)
	}

	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Put(ctx, io.MultiReader(random(1, 3<<20), readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
	require.Zero(t, messages(t, b))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestStore_carries_a_large_body_in_little_memory(t *testing.T) {
	s, _ := open(t)
	const size = 100 << 20
	live := func() uint64 {
		m := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(m)
		return m[0].Value.Uint64()
	}
	runtime.GC()
	before, most := live(), uint64(0)
	reads := 0
	watch := func() {
		if reads++; reads%100 == 0 {
			runtime.GC() // what is no longer needed is not counted
			most = max(most, live())
		}
	}

	source := random(2, size)
	ref, err := s.Put(t.Context(), readerFunc(func(p []byte) (int, error) { watch(); return source.Read(p) }))
	require.NoError(t, err)
	require.EqualValues(t, size, ref.Bytes)
	body, err := s.Get(t.Context(), ref)
	require.NoError(t, err)
	defer body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, readerFunc(func(p []byte) (int, error) { watch(); return body.Read(p) }))
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.Equal(t, ref.SHA256, hex.EncodeToString(sum.Sum(nil)))
	// The broker is in this process, too, and keeps what it wrote last.
	require.Greater(t, reads, 1000)
	require.Less(t, most-min(most, before), uint64(48<<20))
}

func TestStore_refuses_what_is_not_what_was_stored(t *testing.T) {
	s, b := open(t)
	ref, err := s.Put(t.Context(), random(1, 300<<10))
	require.NoError(t, err)

	t.Run("another size", func(t *testing.T) {
		other := ref
		other.Bytes++
		_, err := read(t, s, other)
		fails(t, err, events.ReasonStorage, false)
	})
	t.Run("another digest", func(t *testing.T) {
		other := ref
		other.SHA256 = refOf(t, random(9, 1)).SHA256
		_, err := read(t, s, other)
		fails(t, err, events.ReasonStorage, false)
		other.SHA256 = "no hash"
		_, err = read(t, s, other)
		fails(t, err, events.ReasonStorage, false)
	})
	t.Run("another content", func(t *testing.T) {
		js := b.JetStream()
		stream, err := js.Stream(t.Context(), "OBJ_bodies")
		require.NoError(t, err)
		m, err := stream.GetMsg(t.Context(), 1)
		require.NoError(t, err)
		require.NoError(t, stream.DeleteMsg(t.Context(), 1))
		m.Data[0]++
		_, err = js.Publish(t.Context(), m.Subject, m.Data)
		require.NoError(t, err)
		_, err = read(t, s, ref)
		fails(t, err, events.ReasonStorage, false)
	})
	t.Run("part of the content", func(t *testing.T) {
		stream, err := b.JetStream().Stream(t.Context(), "OBJ_bodies")
		require.NoError(t, err)
		require.NoError(t, stream.DeleteMsg(t.Context(), 2))
		_, err = read(t, s, ref)
		fails(t, err, events.ReasonNotFound, false)
	})
	t.Run("nothing", func(t *testing.T) {
		_, err := read(t, s, refOf(t, random(9, 1)))
		fails(t, err, events.ReasonNotFound, false)
		require.ErrorContains(t, err, "--bodies-age")
	})
}

func TestStore_forgets(t *testing.T) {
	s, _ := open(t, func(c *topology.Config) { c.BodiesAge = 2 * time.Second })
	ref, err := s.Put(t.Context(), random(1, 10))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := s.Get(t.Context(), ref)
		return err != nil
	}, time.Minute, 50*time.Millisecond)
	_, err = s.Get(t.Context(), ref)
	fails(t, err, events.ReasonNotFound, false)
	fails(t, s.Renew(t.Context(), ref), events.ReasonNotFound, false)
}

func TestStore_leaves_alone_what_is_young(t *testing.T) {
	s, b := open(t)
	ref, err := s.Put(t.Context(), random(1, 200<<10))
	require.NoError(t, err)
	require.NoError(t, s.Renew(t.Context(), ref))
	again, err := s.Put(t.Context(), random(1, 200<<10))
	require.NoError(t, err)
	require.Equal(t, ref, again)
	require.EqualValues(t, 2+1, messages(t, b))
}

func TestStore_writes_anew_what_is_half_over(t *testing.T) {
	s, b := open(t, func(c *topology.Config) { c.BodiesAge = 2 * time.Second })
	_, err := s.Put(t.Context(), random(2, 10))
	require.NoError(t, err)
	// The store knows now that bodies are kept for 2 s. The broker keeps them for longer, so that the test is not late for anything.
	stream, err := b.JetStream().Stream(t.Context(), "OBJ_bodies")
	require.NoError(t, err)
	longer := stream.CachedInfo().Config
	longer.MaxAge = time.Hour
	_, err = b.JetStream().UpdateStream(t.Context(), longer)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))

	ref, err := s.Put(t.Context(), random(1, 200<<10))
	require.NoError(t, err)
	for name, renew := range map[string]func() error{
		"renewed":         func() error { return s.Renew(t.Context(), ref) },
		"come with again": func() error { _, err := s.Put(t.Context(), random(1, 200<<10)); return err },
	} {
		before, err := stream.Info(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2+1, before.State.Msgs, name)
		require.Eventually(t, func() bool {
			require.NoError(t, renew())
			return messages(t, b) == 2+2+1 // the chunks are there twice
		}, time.Minute, 50*time.Millisecond, name)
		require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(before.State.LastSeq))) // the first ones end
		got, err := read(t, s, ref)
		require.NoError(t, err, name)
		require.Len(t, got, 200<<10)
	}
}

func TestStore_takes_what_an_operator_has_removed_again(t *testing.T) {
	s, b := open(t)
	ref, err := s.Put(t.Context(), random(1, 1000))
	require.NoError(t, err)
	objects, err := b.JetStream().ObjectStore(t.Context(), "bodies")
	require.NoError(t, err)
	require.NoError(t, objects.Delete(t.Context(), ref.Object))
	_, err = read(t, s, ref)
	fails(t, err, events.ReasonNotFound, false)
	_, err = s.Put(t.Context(), random(1, 1000))
	require.NoError(t, err)
	got, err := read(t, s, ref)
	require.NoError(t, err)
	require.Len(t, got, 1000)
}

func TestStore_says_what_is_wrong_with_the_broker(t *testing.T) {
	t.Run("that it has no store", func(t *testing.T) {
		b := brokertest.New(t)
		s := connect(t, b)
		_, err := s.Put(t.Context(), random(1, 10))
		fails(t, err, events.ReasonStorage, true)
		require.ErrorContains(t, err, "fetchmill setup")
		b.Provision(topology.Default())
		_, err = s.Put(t.Context(), random(1, 10))
		require.NoError(t, err, "it is found when it is there")
	})
	t.Run("that the store is full", func(t *testing.T) {
		s, b := open(t, func(c *topology.Config) { c.BodiesBytes = 1 << 20 })
		_, err := s.Put(t.Context(), random(1, 2<<20))
		fails(t, err, events.ReasonStorage, true)
		require.ErrorContains(t, err, "--bodies-bytes")
		require.Zero(t, messages(t, b))
		_, err = s.Put(t.Context(), random(1, 500<<10))
		require.NoError(t, err)
	})
	t.Run("that it is away, until it is back", func(t *testing.T) {
		s, b := open(t)
		ref, err := s.Put(t.Context(), random(1, 3<<20))
		require.NoError(t, err)
		body, err := s.Get(t.Context(), ref)
		require.NoError(t, err)
		defer body.Close()
		_, err = io.CopyN(io.Discard, body, 1<<20)
		require.NoError(t, err)
		b.Stop()
		_, err = io.Copy(io.Discard, body)
		fails(t, err, events.ReasonStorage, true)
		_, err = s.Put(t.Context(), random(2, 1<<20))
		fails(t, err, events.ReasonStorage, true)
		_, err = s.Get(t.Context(), ref)
		fails(t, err, events.ReasonStorage, true)
		b.Start()
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			got, err := read(t, s, ref)
			assert.NoError(c, err)
			assert.Len(c, got, 3<<20)
			_, err = s.Put(t.Context(), random(2, 1<<20))
			assert.NoError(c, err)
		}, time.Minute, 100*time.Millisecond)
	})
	t.Run("that it went away in the middle", func(t *testing.T) {
		s, b := open(t)
		source := random(1, 3<<20)
		var n int
		_, err := s.Put(t.Context(), readerFunc(func(p []byte) (int, error) {
			if n++; n == 5 {
				b.Stop()
			}
			return source.Read(p)
		}))
		fails(t, err, events.ReasonStorage, true)
	})
	t.Run("that there was no time", func(t *testing.T) {
		s, _ := open(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := s.Put(ctx, readerFunc(func(p []byte) (int, error) { return len(p), nil }))
		fails(t, err, events.ReasonTimeout, true)
	})
}

func TestProvision_leaves_a_store_that_is_as_it_should_be(t *testing.T) {
	_, b := open(t)
	changes, err := topology.Provision(t.Context(), b.JetStream(), topology.For(topology.Default()))
	require.NoError(t, err)
	require.Contains(t, changes, topology.Change{Kind: "objects", Name: "bodies", Action: topology.Unchanged})
	objects, err := b.JetStream().ObjectStore(t.Context(), "bodies")
	require.NoError(t, err)
	status, err := objects.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, status.TTL())
	require.Equal(t, jetstream.FileStorage, status.Storage())
}
