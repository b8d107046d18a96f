package fetcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/fetcher/validators"
)

// revalidate is fetch for an item that wants the body only if it is another than the last time. The server is asked each time; when it
// answers 304, the body of the last time is taken from the store. A memory that does not work costs time and no item.
func (n *Network) revalidate(ctx context.Context, f fetch) (ops.Output, error) {
	if err := checkUnconditional(f.args.Headers); err != nil {
		return ops.Output{}, err
	}
	if err := f.args.checkRevalidate(); err != nil {
		return ops.Output{}, err
	}
	if n.cfg.Validators == nil {
		f.args.Revalidate = false
		return n.fetch(ctx, f)
	}
	key := validators.Key(f.method, f.request, f.args.Auth, f.args.Charset)
	last, known := n.cfg.Validators.Recall(ctx, key)
	if known {
		f.request.Known = &last.Version
	}
	x, err := n.agent.Exchange(f.request)
	if err != nil {
		return ops.Output{}, err
	}
	defer x.Close()
	resp, err := x.Send(ctx, f.method) //nolint:bodyclose // Discard and Body close it
	if err == nil && resp.StatusCode == http.StatusNotModified && x.Conditional() {
		useragent.Discard(resp)
		if out, ok := n.lastTime(ctx, x, resp, last); ok && out.Fetch.Bytes <= f.want.Max {
			return out, nil
		}
		x.Forget()
		resp, err = x.Send(ctx, f.method) //nolint:bodyclose // likewise
	}
	if err != nil {
		return ops.Output{Fetch: x.Facts()}, err
	}
	version, keep := x.Version(resp)
	out, err := n.take(ctx, f, x, resp)
	if err != nil {
		return out, err
	}
	switch {
	case keep:
		n.remember(ctx, key, version, out)
	case known:
		n.cfg.Validators.Forget(ctx, key)
	}
	return out, nil
}

// lastTime makes the output of an answer that confirms what is known. It returns false where that cannot be used.
func (n *Network) lastTime(ctx context.Context, x *useragent.Exchange, resp *http.Response, last validators.Entry) (ops.Output, bool) {
	if !x.Confirmed(resp) {
		return ops.Output{}, false
	}
	out, err := n.stored(ctx, last)
	if err != nil {
		n.cfg.Validators.Lost(err)
		return ops.Output{}, false
	}
	facts := x.Facts()
	facts.NotModified, facts.Body, facts.Bytes = true, out.BodyRef, int64(len(out.Body))
	if out.BodyRef != nil {
		facts.Bytes = out.BodyRef.Bytes
	}
	facts.ContentType, facts.Charset = last.ContentType, last.Charset // a 304 tells neither
	out.Fetch = facts
	return out, true
}

// stored opens a body that was kept, and reads it if it can travel along.
func (n *Network) stored(ctx context.Context, last validators.Entry) (ops.Output, error) {
	if last.Body == nil {
		return ops.Output{Body: last.Small}, nil
	}
	ref := *last.Body
	if n.cfg.Bodies == nil {
		return ops.Output{}, fmt.Errorf("body %s is kept in a store that this fetcher does not have", ref.Object)
	}
	if ref.Bytes > n.cfg.InlineBytes {
		// The item may wait for its next step for a while, and the body was not stored now.
		return ops.Output{BodyRef: &ref}, n.cfg.Bodies.Renew(ctx, ref)
	}
	body, err := n.cfg.Bodies.Get(ctx, ref)
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(io.LimitReader(body, n.cfg.InlineBytes+1))
	if err == nil && int64(len(data)) != ref.Bytes {
		err = fmt.Errorf("body %s has %d bytes and not %d", ref.Object, len(data), ref.Bytes)
	}
	return ops.Output{Body: data}, err
}

// remember keeps the body of an answer and what the server calls it.
func (n *Network) remember(ctx context.Context, key string, version useragent.Version, out ops.Output) {
	entry := validators.Entry{Version: version, ContentType: out.Fetch.ContentType, Charset: out.Fetch.Charset}
	switch {
	case out.BodyRef != nil:
		entry.Body = out.BodyRef
	case len(out.Body) <= validators.SmallBytes:
		entry.Small = out.Body
	case n.cfg.Bodies == nil:
		return // too much for an entry
	default:
		ref, err := n.cfg.Bodies.Put(ctx, bytes.NewReader(out.Body))
		if err != nil {
			n.cfg.Validators.Lost(fmt.Errorf("keep the body: %w", err))
			return
		}
		entry.Body = &ref
	}
	n.cfg.Validators.Remember(ctx, key, entry)
}

// checkUnconditional refuses conditions of the item's own beside revalidate.
func checkUnconditional(headers map[string]string) error {
	for name := range headers {
		switch http.CanonicalHeaderKey(name) {
		case "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range":
			err := errors.New("cannot be set beside revalidate, which asks for a whole body by itself: leave out one of the two")
			return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("header %s %w", name, err))
		}
	}
	return nil
}
