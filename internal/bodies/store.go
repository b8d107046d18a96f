package bodies

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/topology"
)

const (
	// patience is how long the broker may take for one answer.
	patience = 10 * time.Second
	// chunkBytes is what nats.go uses; larger messages make the broker slower for everybody else.
	chunkBytes = 128 << 10
)

// Store is the object store of bodies. It is safe for concurrent use.
type Store struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu     sync.Mutex
	bucket *bucket // nil until it was found
}

// bucket is the stream behind the store.
type bucket struct {
	stream jetstream.Stream
	age    time.Duration // objects are forgotten after it; 0 means never
}

// New makes a store on a connection. Nothing is asked of the broker yet.
func New(nc *nats.Conn) (*Store, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(patience))
	if err != nil {
		return nil, fmt.Errorf("store of bodies: %w", err)
	}
	return &Store{nc: nc, js: js}, nil
}

// open finds the bucket on the broker.
func (s *Store) open(ctx context.Context) (*bucket, error) {
	s.mu.Lock()
	found := s.bucket
	s.mu.Unlock()
	if found != nil {
		return found, nil
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.js.Stream(asking, "OBJ_"+topology.BucketBodies)
	if err != nil {
		return nil, verdict(ctx, "find the store of bodies", err)
	}
	b := &bucket{stream: stream, age: stream.CachedInfo().Config.MaxAge}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bucket = b
	return b, nil
}

// object is what the store knows about an object.
type object struct {
	jetstream.ObjectInfo
	seq     uint64 // of the message that says it; 0 if there is none
	written time.Time
}

// there says whether there is such an object. An operator can have removed it.
func (o object) there() bool { return o.seq != 0 && !o.Deleted }

// young says whether an object will be kept for a good while.
func (b *bucket) young(o object) bool { return b.age == 0 || time.Since(o.written) < b.age/2 }

// look finds out about an object.
func (b *bucket) look(ctx context.Context, name string) (object, error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := b.stream.GetLastMsgForSubject(asking, metaSubject(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return object{}, nil
	}
	if err != nil {
		return object{}, verdict(ctx, "look for body "+name, err)
	}
	o := object{seq: m.Sequence, written: m.Time}
	if err := json.Unmarshal(m.Data, &o.ObjectInfo); err != nil {
		return object{}, broken(name, fmt.Errorf("what is known about it cannot be read: %w", err))
	}
	return o, nil
}

func metaSubject(name string) string {
	return "$O." + topology.BucketBodies + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func chunkSubject(id string) string { return "$O." + topology.BucketBodies + ".C." + id }
