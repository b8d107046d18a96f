package modules_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// open makes a store on a broker of its own.
func open(t *testing.T) (*modules.Store, *brokertest.Broker) {
	t.Helper()
	b := brokertest.New(t)
	b.Provision(topology.Default())
	return modules.New(b.JetStream()), b
}

func put(t *testing.T, s *modules.Store, name, data string) (modules.Module, bool) {
	t.Helper()
	m, changed, err := s.Put(t.Context(), name, []byte(data))
	require.NoError(t, err)
	require.Equal(t, wasm.Hash([]byte(data)), m.SHA256)
	require.Equal(t, []any{name, int64(len(data))}, []any{m.Name, m.Bytes})
	return m, changed
}

// messages is how many messages the bucket has ever taken.
func messages(t *testing.T, b *brokertest.Broker) uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), "OBJ_"+topology.BucketModules)
	require.NoError(t, err)
	return stream.CachedInfo().State.LastSeq
}

// names lists modules as name=first letters of the hash.
func names(t *testing.T, s *modules.Store) []string {
	t.Helper()
	list, err := s.List(t.Context())
	require.NoError(t, err)
	out := []string{}
	for _, m := range list {
		require.False(t, m.Time.IsZero())
		out = append(out, fmt.Sprintf("%s=%.4s/%d", m.Name, m.SHA256, m.Bytes))
	}
	return out
}

func TestStore_keeps_modules(t *testing.T) {
	s, b := open(t)
	require.Empty(t, names(t, s))
	large := strings.Repeat("0123456789", 100_000)
	one, changed := put(t, s, "one", large)
	require.True(t, changed)

	t.Run("and gives them back by name and by hash", func(t *testing.T) {
		hash, err := s.Resolve(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, one.SHA256, hash)
		hash, err = s.Resolve(t.Context(), modules.Prefix+one.SHA256)
		require.NoError(t, err)
		require.Equal(t, one.SHA256, hash)
		data, err := s.Load(t.Context(), hash, 2_000_000)
		require.NoError(t, err)
		require.Equal(t, large, string(data))
	})
	t.Run("as any client reads them", func(t *testing.T) {
		bucket, err := b.JetStream().ObjectStore(t.Context(), topology.BucketModules)
		require.NoError(t, err)
		data, err := bucket.GetBytes(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, large, string(data))
	})
	t.Run("but none that is larger than the reader wants", func(t *testing.T) {
		_, err := s.Load(t.Context(), one.SHA256, 999_999)
		require.ErrorIs(t, err, modules.ErrTooLarge)
		_, err = s.Load(t.Context(), one.SHA256, 1_000_000)
		require.NoError(t, err)
	})
	t.Run("and changes nothing when they are put again", func(t *testing.T) {
		before := messages(t, b)
		again, changed := put(t, s, "one", large)
		require.False(t, changed)
		require.Equal(t, one.SHA256, again.SHA256)
		require.Equal(t, before, messages(t, b))
	})
	t.Run("and the same bytes once", func(t *testing.T) {
		before := messages(t, b)
		_, changed := put(t, s, "other", large)
		require.True(t, changed)
		require.Equal(t, before+1, messages(t, b), "the name is one message")
	})
	t.Run("and what a name meant before", func(t *testing.T) {
		put(t, s, "one", "new")
		hash, err := s.Resolve(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, wasm.Hash([]byte("new")), hash)
		put(t, s, "other", "new")
		_, err = s.Load(t.Context(), one.SHA256, 2_000_000)
		require.NoError(t, err)
		require.Equal(t, []string{"one=1150/3", "other=1150/3", "=" + one.SHA256[:4] + "/1000000"}, names(t, s))
	})
}

func TestStore_removes(t *testing.T) {
	s, _ := open(t)
	m, _ := put(t, s, "one", "bytes")
	ref := modules.Prefix + m.SHA256
	err := s.Remove(t.Context(), ref)
	require.ErrorIs(t, err, modules.ErrInUse)
	require.ErrorContains(t, err, "remove the name one first")
	require.NoError(t, s.Remove(t.Context(), "one"))
	_, err = s.Resolve(t.Context(), "one")
	require.ErrorIs(t, err, modules.ErrNotFound)
	_, err = s.Load(t.Context(), m.SHA256, 100)
	require.NoError(t, err, "items may still want them")
	require.NoError(t, s.Remove(t.Context(), ref))
	_, err = s.Load(t.Context(), m.SHA256, 100)
	require.ErrorIs(t, err, modules.ErrNotFound)
	require.ErrorContains(t, err, "fetchmill wasm ls")
	require.Empty(t, names(t, s))
	for _, ref := range []string{"one", ref} {
		require.ErrorIs(t, s.Remove(t.Context(), ref), modules.ErrNotFound)
	}
	_, changed := put(t, s, "one", "bytes")
	require.True(t, changed, "what was removed can come back")
	_, err = s.Load(t.Context(), m.SHA256, 100)
	require.NoError(t, err)
}

func TestStore_keeps_the_same_bytes_once_from_whomever_they_come(t *testing.T) {
	_, b := open(t)
	var all sync.WaitGroup
	for i := range 6 {
		s := modules.New(b.JetStream())
		all.Go(func() {
			if _, _, err := s.Put(t.Context(), fmt.Sprintf("name-%d", i), []byte(strings.Repeat("x", 300_000))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stream, err := b.JetStream().Stream(t.Context(), "OBJ_"+topology.BucketModules)
	require.NoError(t, err)
	require.EqualValues(t, 6+1+3, stream.CachedInfo().State.Msgs, "the names, the object and its three chunks")
}

func TestStore_leaves_nothing_behind_when_it_is_interrupted(t *testing.T) {
	s, b := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	stored, err := b.Connect().Subscribe("$O.modules.C.>", func(*nats.Msg) { cancel() })
	require.NoError(t, err)
	require.NoError(t, stored.AutoUnsubscribe(1))
	_, _, err = s.Put(ctx, "name", make([]byte, 32<<20))
	require.ErrorIs(t, err, context.Canceled)
	stream, err := b.JetStream().Stream(t.Context(), "OBJ_"+topology.BucketModules)
	require.NoError(t, err)
	require.Zero(t, stream.CachedInfo().State.Msgs)
}

func TestStore_refuses_names(t *testing.T) {
	s, _ := open(t)
	for _, name := range []string{"", "Words", "a/b", "sha256:", "sha256:" + strings.Repeat("A", 64), "sha256:" + strings.Repeat("a", 63), "a b", strings.Repeat("a", 65)} {
		_, _, err := s.Put(t.Context(), name, []byte("x"))
		require.ErrorIs(t, err, modules.ErrName, name)
		_, err = s.Resolve(t.Context(), name)
		require.ErrorIs(t, err, modules.ErrName, name)
		require.ErrorIs(t, s.Remove(t.Context(), name), modules.ErrName, name)
	}
	_, _, err := s.Put(t.Context(), modules.Prefix+wasm.Hash(nil), nil)
	require.ErrorIs(t, err, modules.ErrName)
	require.ErrorContains(t, err, "its hash follows from its bytes")
}

func TestStore_does_not_take_other_objects_for_modules(t *testing.T) {
	s, b := open(t)
	bucket, err := b.JetStream().ObjectStore(t.Context(), topology.BucketModules)
	require.NoError(t, err)
	_, err = bucket.PutString(t.Context(), "readme", "hello")
	require.NoError(t, err)
	hash := wasm.Hash([]byte("right"))
	_, err = bucket.PutString(t.Context(), modules.Prefix+hash, "wrong")
	require.NoError(t, err)

	_, err = s.Resolve(t.Context(), "readme")
	require.ErrorContains(t, err, "is no link to a module")
	_, err = s.Load(t.Context(), hash, 100)
	require.ErrorContains(t, err, "the bytes that are stored are others")
	put(t, s, "right", "right")
	data, err := s.Load(t.Context(), hash, 100)
	require.NoError(t, err, "putting the right bytes repairs it")
	require.Equal(t, "right", string(data))
	_, _, err = s.Put(t.Context(), "readme", []byte("module"))
	require.ErrorIs(t, err, jetstream.ErrObjectAlreadyExists)
}

func TestStore_tells_when_there_is_none(t *testing.T) {
	s := modules.New(brokertest.New(t).JetStream())
	_, _, err := s.Put(t.Context(), "one", []byte("x"))
	require.ErrorIs(t, err, modules.ErrNoStore)
	require.ErrorContains(t, err, "fetchmill setup")
	_, err = s.Resolve(t.Context(), "one")
	require.ErrorIs(t, err, modules.ErrNoStore)
	_, err = s.Load(t.Context(), wasm.Hash(nil), 1)
	require.ErrorIs(t, err, modules.ErrNoStore)
	_, err = s.List(t.Context())
	require.ErrorIs(t, err, modules.ErrNoStore)
	require.ErrorIs(t, s.Remove(t.Context(), "one"), modules.ErrNoStore)
}

// TestStore_name_means_old_or_new looks a name up all the time while it is put again and again.
func TestStore_name_means_old_or_new(t *testing.T) {
	s, b := open(t)
	versions := []string{"old bytes", "new bytes"}
	put(t, s, "name", versions[0])
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		reader := modules.New(b.JetStream())
		readers.Go(func() {
			for ctx.Err() == nil {
				hash, err := reader.Resolve(t.Context(), "name")
				if err != nil {
					t.Error(err)
					return
				}
				data, err := reader.Load(t.Context(), hash, 100)
				if err != nil || string(data) != versions[0] && string(data) != versions[1] {
					t.Errorf("%q: %v", data, err)
				}
			}
		})
	}
	for i := range 50 {
		put(t, s, "name", versions[i%2])
	}
	cancel()
	readers.Wait()
}
