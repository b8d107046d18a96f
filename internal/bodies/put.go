package bodies

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// inFlight is how many chunks are on their way at the same time: enough for some milliseconds to the broker and back, and 1 MiB.
const inFlight = 8

var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// Put keeps what r yields and returns its claim check. It reads to the end and has one chunk of 128 KiB in memory at a time. An error of r
// that is a verdict, or the context's, is returned as it is. What was stored of a body that did not become whole is removed.
func (s *Store) Put(ctx context.Context, r io.Reader) (events.BodyRef, error) {
	b, err := s.open(ctx)
	if err != nil {
		return events.BodyRef{}, err
	}
	u := &upload{store: s, bucket: b, id: nuid.Next()}
	defer u.removeUnlessKept(ctx)
	if err := u.send(ctx, r); err != nil {
		return events.BodyRef{}, err
	}
	ref := events.BodyRef{Object: u.name, Bytes: int64(u.info.Size), SHA256: u.name}
	// Until now nobody can see the object. Whoever was faster with the same content has kept it for us; so every object is written
	// under its name by one only.
	for {
		o, err := b.look(ctx, u.name)
		if err != nil {
			return events.BodyRef{}, err
		}
		if o.there() && b.young(o) {
			return ref, nil
		}
		switch err := u.keep(ctx, o.seq); {
		case err == nil:
			// The chunks of an older object stay until their time: somebody may be reading them.
			return ref, nil
		case !isConflict(err):
			return events.BodyRef{}, verdict(ctx, "store body "+u.name, err)
		}
	}
}

// upload is an object on its way.
type upload struct {
	store  *Store
	bucket *bucket
	id     string // of its chunks
	info   jetstream.ObjectInfo
	name   string
	sent   []jetstream.PubAckFuture // and not confirmed, the oldest first
	begun  bool
	kept   bool
}

// send stores the chunks.
func (u *upload) send(ctx context.Context, r io.Reader) error {
	chunk := chunks.Get().(*[chunkBytes]byte) //nolint:forcetypeassert // the pool makes nothing else
	defer chunks.Put(chunk)
	size := int(min(chunkBytes, u.store.nc.MaxPayload()/2))
	u.info = jetstream.ObjectInfo{
		Bucket: topology.BucketBodies, NUID: u.id,
		ObjectMeta: jetstream.ObjectMeta{Opts: &jetstream.ObjectMetaOptions{ChunkSize: uint32(size)}},
	}
	sum := sha256.New()
	for {
		n, end, err := fill(chunk[:size], r)
		if err != nil {
			return readFailure(err)
		}
		if n > 0 {
			sum.Write(chunk[:n])
			u.info.Size += uint64(n)
			u.info.Chunks++
			if err := u.publish(ctx, chunk[:n]); err != nil {
				return verdict(ctx, "store a body", err)
			}
		}
		if end {
			break
		}
	}
	for len(u.sent) > 0 {
		if err := u.confirm(ctx); err != nil {
			return verdict(ctx, "store a body", err)
		}
	}
	digest := sum.Sum(nil)
	u.name = hex.EncodeToString(digest)
	u.info.Name, u.info.Digest = u.name, "SHA-256="+base64.URLEncoding.EncodeToString(digest)
	return nil
}

// fill reads until chunk is full or r has ended. It is not io.ReadFull, which cannot tell an end from a reader's io.ErrUnexpectedEOF.
func fill(chunk []byte, r io.Reader) (n int, end bool, err error) {
	for n < len(chunk) {
		m, err := r.Read(chunk[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

func readFailure(err error) error {
	if _, judged := errors.AsType[*ops.Failure](err); judged || errors.Is(err, context.Canceled) {
		return err
	}
	return ops.Retry(events.ReasonStorage, fmt.Errorf("read a body to store it: %w", err))
}

// publish sends a chunk, which may be changed afterwards: the connection has copied it, and it is not sent again.
func (u *upload) publish(ctx context.Context, chunk []byte) error {
	if len(u.sent) == inFlight {
		if err := u.confirm(ctx); err != nil {
			return err
		}
	}
	u.begun = true
	f, err := u.store.js.PublishMsgAsync(&nats.Msg{Subject: chunkSubject(u.id), Data: chunk}, jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	u.sent = append(u.sent, f)
	return nil
}

// confirm waits until the oldest chunk is stored.
func (u *upload) confirm(ctx context.Context) error {
	f := u.sent[0]
	var err error
	select {
	case <-f.Ok():
	case err = <-f.Err():
	case <-ctx.Done():
		return ctx.Err()
	}
	u.sent = u.sent[1:]
	return err
}

// keep gives the object its name, in the place of the message with the number last: 0 for none.
func (u *upload) keep(ctx context.Context, last uint64) error {
	data, err := json.Marshal(u.info)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: metaSubject(u.name), Data: data, Header: nats.Header{}}
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Not sent again by itself: the first may have been stored, and then the second would be a conflict with it.
	u.kept = true // perhaps, whatever the answer says
	_, err = u.store.js.PublishMsg(asking, m, jetstream.WithExpectLastSequencePerSubject(last), jetstream.WithRetryAttempts(0))
	if isConflict(err) {
		u.kept = false
	}
	return err
}

func isConflict(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// removeUnlessKept removes the chunks of an object that got no name. What cannot be removed goes with its time.
func (u *upload) removeUnlessKept(ctx context.Context) {
	if u.kept || !u.begun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for len(u.sent) > 0 { // what comes after the removal would stay
		if err := u.confirm(ctx); err != nil && ctx.Err() != nil {
			return
		}
	}
	_ = u.bucket.stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject(u.id)))
}

// Renew makes sure that a body will be there for a good while, at least half of the time that the store keeps bodies.
func (s *Store) Renew(ctx context.Context, ref events.BodyRef) error {
	b, err := s.open(ctx)
	if err != nil {
		return err
	}
	o, err := b.look(ctx, ref.Object)
	switch {
	case err != nil:
		return err
	case !o.there():
		return gone(b, ref.Object)
	case b.young(o):
		return nil
	}
	body, err := s.Get(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := s.Put(ctx, body); err != nil {
		return fmt.Errorf("renew body %s: %w", ref.Object, err)
	}
	return nil
}
