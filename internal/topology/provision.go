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
	for _, s := range l.Streams {
		action, err := provisionStream(ctx, js, s)
		if err != nil {
			return changes, fmt.Errorf("stream %s: %w", s.Name, err)
		}
		done("stream", s.Name, action)
	}
	for _, c := range l.Consumers {
		action, err := provisionConsumer(ctx, js, c)
		if err != nil {
			return changes, fmt.Errorf("consumer %s of stream %s: %w", c.Name, c.Stream, err)
		}
		if err := sweep(ctx, js, c); err != nil {
			return changes, fmt.Errorf("consumer %s of stream %s: %w", c.Name, c.Stream, err)
		}
		done("consumer", c.Stream+"/"+c.Name, action)
	}
	for _, b := range l.Buckets {
		action, err := provisionBucket(ctx, js, b)
		if err != nil {
			return changes, fmt.Errorf("bucket %s: %w", b.Bucket, err)
		}
		done("bucket", b.Bucket, action)
	}
	for _, o := range l.Objects {
		action, err := provisionObjects(ctx, js, o)
		if err != nil {
			return changes, fmt.Errorf("object store %s: %w", o.Bucket, err)
		}
		done("objects", o.Bucket, action)
	}
	return changes, nil
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
	kv, err := js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err := js.CreateKeyValue(ctx, want)
		return Created, err
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
