package topology

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrImmutable means that something exists on the broker that cannot be changed into what the layout asks for.
var ErrImmutable = errors.New("cannot be changed on the broker")

// Change is what Provision did about one stream, consumer or bucket.
type Change struct {
	Kind   string `json:"kind"` // stream, consumer, bucket, objects
	Name   string `json:"name"`
	Action Action `json:"action"`
}

// Action is what was done.
type Action string

// Provisioning twice leaves everything unchanged the second time.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
)

// Provision makes the broker have what the layout says: it creates what is missing, updates what differs, and refuses with
// ErrImmutable what cannot be updated. Settings that the layout does not speak of are left as the operator made them. It also removes what
// a restart of the broker has left behind in the queues although it is done.
func Provision(ctx context.Context, js jetstream.JetStream, l Layout) ([]Change, error) {
	var changes []Change
	done := func(kind, name string, action Action) {
		changes = append(changes, Change{Kind: kind, Name: name, Action: action})
	}
	queues := map[string]bool{}
	for _, s := range l.Streams {
		queues[s.Name] = s.Retention == jetstream.WorkQueuePolicy
		action, err := provisionStream(ctx, js, s)
		if err != nil {
			return changes, fmt.Errorf("stream %s: %w", s.Name, withRemedy(err))
		}
		done("stream", s.Name, action)
	}
	for _, c := range l.Consumers {
		action, err := provisionConsumer(ctx, js, c)
		if err != nil {
			return changes, fmt.Errorf("consumer %s of stream %s: %w", c.Name, c.Stream, err)
		}
		if queues[c.Stream] { // what is in a history stays, acknowledged or not
			if err := sweep(ctx, js, c); err != nil {
				return changes, fmt.Errorf("consumer %s of stream %s: %w", c.Name, c.Stream, err)
			}
		}
		done("consumer", c.Stream+"/"+c.Name, action)
	}
	for _, b := range l.Buckets {
		action, err := provisionBucket(ctx, js, b)
		if err != nil {
			return changes, fmt.Errorf("bucket %s: %w", b.Bucket, withRemedy(err))
		}
		done("bucket", b.Bucket, action)
	}
	for _, o := range l.Objects {
		action, err := provisionObjects(ctx, js, o)
		if err != nil {
			return changes, fmt.Errorf("object store %s: %w", o.Bucket, withRemedy(err))
		}
		done("objects", o.Bucket, action)
	}
	return changes, nil
}

// codeNoStorage is the broker's error for a stream that may become larger than what is left of its own limit (nats-server, server/errors.json).
const codeNoStorage = 10047

// withRemedy says what to do where the broker only says that it will not.
func withRemedy(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeNoStorage {
		return fmt.Errorf("%w: the limits of all streams together are more than the broker may store: raise its max_file_store, make space on its disk, or lower --max-bytes, --done-bytes and --bodies-bytes", err)
	}
	return err
}

func provisionStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (Action, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err := js.CreateStream(ctx, want)
		return Created, err
	}
	if err != nil {
		return "", err
	}
	have := stream.CachedInfo().Config
	for _, f := range []struct {
		what       string
		have, want any
	}{
		{"retention", have.Retention, want.Retention},
		{"storage", have.Storage, want.Storage},
		{"persist mode", have.PersistMode, want.PersistMode},
	} {
		if f.have != f.want {
			return "", immutable(f.what, f.have, f.want, fmt.Sprintf("stream rm %s", want.Name))
		}
	}
	next := have
	next.Description, next.Subjects, next.Discard = want.Description, want.Subjects, want.Discard
	next.MaxBytes, next.MaxAge, next.Duplicates = want.MaxBytes, want.MaxAge, want.Duplicates
	next.Replicas, next.AllowDirect = want.Replicas, want.AllowDirect
	if slices.Equal(have.Subjects, want.Subjects) && reflect.DeepEqual(have, next) {
		return Unchanged, nil
	}
	_, err = js.UpdateStream(ctx, next)
	return Updated, err
}

func provisionConsumer(ctx context.Context, js jetstream.JetStream, want Consumer) (Action, error) {
	consumer, err := js.Consumer(ctx, want.Stream, want.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err := js.CreateConsumer(ctx, want.Stream, want.ConsumerConfig)
		return Created, err
	}
	if err != nil {
		return "", err
	}
	have := consumer.CachedInfo().Config
	for _, f := range []struct {
		what       string
		have, want any
	}{
		{"ack policy", have.AckPolicy, want.AckPolicy},
		{"deliver policy", have.DeliverPolicy, want.DeliverPolicy},
		{"max waiting", have.MaxWaiting, want.MaxWaiting},
	} {
		if f.have != f.want {
			return "", immutable(f.what, f.have, f.want, fmt.Sprintf("consumer rm %s %s", want.Stream, want.Name))
		}
	}
	next := have
	next.FilterSubject, next.AckWait = want.FilterSubject, want.AckWait
	next.MaxDeliver, next.MaxAckPending = want.MaxDeliver, want.MaxAckPending
	if reflect.DeepEqual(have, next) {
		return Unchanged, nil
	}
	_, err = js.UpdateConsumer(ctx, want.Stream, next)
	return Updated, err
}

func provisionBucket(ctx context.Context, js jetstream.JetStream, want jetstream.KeyValueConfig) (Action, error) {
	action, err := provisionKeys(ctx, js, want)
	if err != nil || want.Bucket != BucketControl {
		return action, err
	}
	tightened, err := refuseRollups(ctx, js, "KV_"+want.Bucket)
	if tightened && action == Unchanged {
		action = Updated
	}
	return action, err
}

// refuseRollups keeps who may write some keys of a bucket from emptying all of it, which a header of one message could do otherwise
// (Nats-Rollup). Keys then cannot be purged, only deleted.
func refuseRollups(ctx context.Context, js jetstream.JetStream, name string) (changed bool, err error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return false, err
	}
	cfg := stream.CachedInfo().Config
	if !cfg.AllowRollup {
		return false, nil
	}
	cfg.AllowRollup = false
	_, err = js.UpdateStream(ctx, cfg)
	return true, err
}

func provisionKeys(ctx context.Context, js jetstream.JetStream, want jetstream.KeyValueConfig) (Action, error) {
	kv, err := js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateKeyValue(ctx, want)
		if !errors.Is(err, jetstream.ErrBucketExists) {
			return Created, err
		}
		kv, err = js.KeyValue(ctx, want.Bucket) // somebody else has made it meanwhile, and changed it already
	}
	if err != nil {
		return "", err
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return "", err
	}
	have := status.Config()
	if have.Storage != want.Storage {
		return "", immutable("storage", have.Storage, want.Storage, "kv del "+want.Bucket)
	}
	if want.MaxBytes == 0 {
		want.MaxBytes = have.MaxBytes // not limited
	}
	if have.TTL == want.TTL && have.Replicas == want.Replicas && have.MaxBytes == want.MaxBytes {
		return Unchanged, nil
	}
	have.TTL, have.Replicas, have.MaxBytes = want.TTL, want.Replicas, want.MaxBytes
	_, err = js.UpdateKeyValue(ctx, have)
	return Updated, err
}

// provisionObjects updates the stream behind an object store, as its status does not tell everything.
func provisionObjects(ctx context.Context, js jetstream.JetStream, want jetstream.ObjectStoreConfig) (Action, error) {
	stream, err := js.Stream(ctx, "OBJ_"+want.Bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err := js.CreateObjectStore(ctx, want)
		return Created, err
	}
	if err != nil {
		return "", err
	}
	have := stream.CachedInfo().Config
	if have.Storage != want.Storage {
		return "", immutable("storage", have.Storage, want.Storage, "object rm "+want.Bucket)
	}
	if have.MaxAge == want.TTL && have.MaxBytes == want.MaxBytes && have.Replicas == want.Replicas && have.Description == want.Description {
		return Unchanged, nil
	}
	have.MaxAge, have.MaxBytes, have.Replicas, have.Description = want.TTL, want.MaxBytes, want.Replicas, want.Description
	_, err = js.UpdateStream(ctx, have)
	return Updated, err
}

func immutable(what string, have, want any, remove string) error {
	return fmt.Errorf("%w: its %s is %v and has to be %v; let it run empty, remove it with `nats %s`, and run `fetchmill setup` again",
		ErrImmutable, what, have, want, remove)
}
