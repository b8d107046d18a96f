package fetcher

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

const (
	// bodiesBucket is the object store of bodies that are too large to travel along.
	bodiesBucket = "bodies"

	maxObjectName = 1024
)

// object is what to get from where.
type object struct{ bucket, name string }

func (o object) String() string { return fmt.Sprintf("object %s/%.100s", o.bucket, o.name) }

// objectGet reads an object from an object store of the broker. Arguments {"bucket": "bodies", "name": string}. Its bytes are the body for
// the next step; the value stays as it was.
func (n *Network) objectGet() ops.Op {
	return ops.Op{Name: "object.get", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		o, err := readObject(in, n.buckets)
		if err != nil {
			return ops.Output{}, err
		}
		if n.cfg.Broker.Conn == nil {
			return ops.Output{}, ops.Fail(events.ReasonStorage, fmt.Errorf("%s: this fetcher has no connection to a broker to read it from", o))
		}
		start := time.Now()
		out, err := n.getObject(ctx, o)
		if out.Fetch == nil {
			out.Fetch = &events.FetchFacts{}
		}
		out.Fetch.ElapsedMS = since(start)
		if err != nil {
			return ops.Output{Fetch: out.Fetch}, n.objectFailure(ctx, o, err)
		}
		return out, nil
	}}
}

// readObject reads the arguments.
func readObject(in ops.Input, allowed []string) (object, error) {
	args := struct {
		Bucket string `json:"bucket"`
		Name   string `json:"name"`
	}{Bucket: bodiesBucket}
	if err := in.Args(&args); err != nil {
		return object{}, err
	}
	switch {
	case args.Name == "":
		return object{}, ops.Fail(events.ReasonMissingParameter, errors.New("name is missing: give the name of an object"))
	case len(args.Name) > maxObjectName:
		return object{}, invalid("name has %d bytes, more than %d", len(args.Name), maxObjectName)
	case !validBucket(args.Bucket):
		return object{}, invalid("bucket %.100q cannot be a bucket: its name has letters, digits, - and _", args.Bucket)
	case !slices.Contains(allowed, args.Bucket):
		return object{}, ops.Fail(events.ReasonForbiddenTarget,
			fmt.Errorf("bucket %s is not allowed; to allow it, start the fetcher (or `fetchmill up`) with --object-bucket %s", args.Bucket, args.Bucket))
	}
	return object{args.Bucket, args.Name}, nil
}

// newBuckets checks what the operator has named, and adds the bucket of bodies.
func newBuckets(names []string) ([]string, error) {
	var faults []error
	for _, name := range names {
		if !validBucket(name) {
			faults = append(faults, fmt.Errorf("object bucket %.100q (--object-bucket): its name has letters, digits, - and _ only", name))
		}
	}
	return append([]string{bodiesBucket}, names...), errors.Join(faults...)
}

func validBucket(name string) bool {
	return name != "" && len(name) <= 100 && !strings.ContainsFunc(name, notInLabel)
}

// getObject's errors are verdicts or, for objectFailure, those of JetStream.
func (n *Network) getObject(ctx context.Context, o object) (ops.Output, error) {
	js, err := jetstream.New(n.cfg.Broker.Conn)
	if err != nil {
		return ops.Output{}, err
	}
	store, err := js.ObjectStore(ctx, o.bucket)
	if err != nil {
		return ops.Output{}, err
	}
	info, err := store.GetInfo(ctx, o.name)
	if err != nil {
		return ops.Output{}, err
	}
	if info.Opts != nil && info.Opts.Link != nil { // which may lead to a bucket that is not allowed, or round in circles
		return ops.Output{}, ops.Fail(events.ReasonForbiddenTarget,
			fmt.Errorf("%s is a link, and links are not followed: name the object that it stands for", o))
	}
	facts := &events.FetchFacts{Bytes: int64(info.Size)}
	out := ops.Output{Fetch: facts}
	small := info.Size <= uint64(n.cfg.InlineBytes)
	if !small && o.bucket == bodiesBucket {
		out.BodyRef, err = refOf(info)
		facts.Body = out.BodyRef
		return out, err
	}
	if !small && n.cfg.Bodies == nil {
		return out, ops.Fail(events.ReasonTooLarge, fmt.Errorf("%s has %d bytes, more than %d", o, info.Size, n.cfg.InlineBytes))
	}
	r, err := openObject(ctx, js, o.bucket, info)
	if err != nil {
		return out, err
	}
	if small {
		out.Body, err = io.ReadAll(r)
		return out, err
	}
	ref, err := n.cfg.Bodies.Put(ctx, r)
	out.BodyRef, facts.Body = &ref, &ref
	return out, err
}

// refOf makes a claim check of an object that is already where bodies are kept.
func refOf(info *jetstream.ObjectInfo) (*events.BodyRef, error) {
	sum, err := jetstream.DecodeObjectDigest(info.Digest)
	if err != nil {
		return nil, fmt.Errorf("its digest %.80q cannot be read: %w", info.Digest, err)
	}
	return &events.BodyRef{Object: info.Name, Bytes: int64(info.Size), SHA256: hex.EncodeToString(sum)}, nil
}

// objectFailure is the verdict on an error of getObject.
func (n *Network) objectFailure(ctx context.Context, o object, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", o, ctx.Err())
	}
	text := useragent.Clip(fmt.Sprintf("%s: %v", o, err), 500)
	_, judged := errors.AsType[*ops.Failure](err)
	switch {
	case judged:
		return err
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrObjectNotFound):
		return ops.Fail(events.ReasonNotFound, errors.New(text))
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && n.cfg.Broker.Conn.Status() == nats.CONNECTED:
		return ops.Retry(events.ReasonTimeout, errors.New(text))
	}
	return ops.Retry(events.ReasonStorage, errors.New(text))
}
