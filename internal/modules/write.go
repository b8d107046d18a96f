package modules

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// chunkBytes is the size of the messages that an object is stored in, the usual one of NATS clients.
const chunkBytes = 128 << 10

// errTooLate means that somebody else has stored the same object meanwhile.
var errTooLate = errors.New("somebody else was first")

// write stores bytes under their hash: first the chunks, then the message that makes them an object. Who comes second with that removes
// its own chunks. The client library's own way starts a goroutine that does not always end.
func (s *Store) write(ctx context.Context, hash string, data []byte) error {
	stream, err := s.js.Stream(ctx, "OBJ_"+topology.BucketModules)
	if err != nil {
		return err
	}
	name := Prefix + hash
	subject := "$O." + topology.BucketModules + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
	var before uint64
	var old jetstream.ObjectInfo
	if last, err := stream.GetLastMsgForSubject(ctx, subject); err == nil {
		before = last.Sequence
		if err := json.Unmarshal(last.Data, &old); err == nil && !old.Deleted && old.Digest == digest(hash) {
			return errTooLate
		}
	} else if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkBytes}},
		Bucket:     topology.BucketModules, NUID: nuid.Next(), Size: uint64(len(data)),
	}
	info.Digest = digest(hash)
	const prefix = "$O." + topology.BucketModules + ".C."
	err = func() error {
		for rest := data; len(rest) > 0; info.Chunks++ {
			n := min(chunkBytes, len(rest))
			if err := s.publish(ctx, &nats.Msg{Subject: prefix + info.NUID, Data: rest[:n]}); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return s.announce(ctx, subject, before, info)
	}()
	remove := func(nuid string) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTime)
		defer cancel()
		return stream.Purge(ctx, jetstream.WithPurgeSubject(prefix+nuid))
	}
	switch {
	case err != nil:
		return errors.Join(err, remove(info.NUID))
	case old.NUID != "":
		return remove(old.NUID)
	}
	return nil
}

// publishTime is how long the broker may take to store one message.
const publishTime = 10 * time.Second

// publish stores a message. One that is under way when ctx ends is waited for, so that it does not come after what removes it.
func (s *Store) publish(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTime)
	defer cancel()
	_, err := s.js.PublishMsg(ctx, m, opts...)
	return err
}

// digest is a hash as objects have it.
func digest(hash string) string {
	sum, _ := hex.DecodeString(hash) // made by hashOf
	return "SHA-256=" + base64.URLEncoding.EncodeToString(sum)
}

// announce publishes what an object is, unless that has changed since the message of the number before.
func (s *Store) announce(ctx context.Context, subject string, before uint64, info jetstream.ObjectInfo) error {
	data, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	m := &nats.Msg{Subject: subject, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}, Data: data}
	err = s.publish(ctx, m, jetstream.WithExpectLastSequencePerSubject(before))
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return errTooLate
	}
	return err
}
