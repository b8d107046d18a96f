// Package client is how a Go program uses fetchmill: submit items, wait for their batch, read, count and follow results,
// look after dead letters. It talks to NATS and to nothing else.
//
//	c, err := client.New(nc)
//	if err != nil {
//		return err
//	}
//	sub, err := c.Submit(ctx, "page", client.Texts(urls...), client.SubmitOptions{Batch: "monday"})
//	if err != nil {
//		return err
//	}
//	b, err := c.WaitBatch(ctx, sub.Batch, client.WaitOptions{})
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// The streams that a client looks at.
const (
	streamDone = "DONE"
	streamDead = "DEAD"
)

// requestTimeout bounds requests whose context has no deadline.
const requestTimeout = 10 * time.Second

// maxPendingAcks is the library's own limit, which would block; each submission has a window far below it.
const maxPendingAcks = 1 << 20

// Client talks to the services over one NATS connection, which stays the caller's. It may be used by many goroutines.
type Client struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// New makes a client. The connection should repair itself for as long as it takes, and soon: nats.MaxReconnects(-1), and a nats.ReconnectWait far
// below the library's own 2 s, which clients would be idle for after a broker was started again.
func New(nc *nats.Conn) (*Client, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(ackTimeout), jetstream.WithPublishAsyncMaxPending(maxPendingAcks))
	if err != nil {
		return nil, fmt.Errorf("make a JetStream client: %w", err)
	}
	return &Client{nc: nc, js: js}, nil
}

// ask sends in as JSON and reads the JSON answer into out, which may be nil.
func (c *Client) ask(ctx context.Context, subject string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("ask %s: %w", subject, err)
	}
	return c.requestBounded(ctx, &nats.Msg{Subject: subject, Data: data}, out)
}

// requestBounded is request with a deadline in any case.
func (c *Client) requestBounded(ctx context.Context, m *nats.Msg, out any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	return c.request(ctx, m, out)
}

// request sends a message and reads the answer. An answer that is a problem becomes an *events.Problem.
func (c *Client) request(ctx context.Context, m *nats.Msg, out any) error {
	reply, err := c.nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w to %s: %s", ErrNoService, m.Subject, startServices)
	case err != nil:
		return fmt.Errorf("ask %s: %w", m.Subject, err)
	}
	if p := problemOf(reply); p != nil {
		return p
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Data, out); err != nil {
		return fmt.Errorf("read the answer to %s: %w", m.Subject, err)
	}
	return nil
}

// problemOf reads an error reply of a NATS service; nil if it is none.
func problemOf(m *nats.Msg) *events.Problem {
	code := m.Header.Get(micro.ErrorCodeHeader)
	if code == "" {
		return nil
	}
	var p events.Problem
	if json.Unmarshal(m.Data, &p) == nil && p.Title != "" {
		return &p
	}
	status, _ := strconv.Atoi(code) // 0 if it is no number: the text still tells
	return &events.Problem{Type: "about:blank", Title: m.Header.Get(micro.ErrorHeader), Status: status}
}

// streamError explains a failure to reach a stream.
func streamError(doing, stream string, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%s: %w %s: %s", doing, ErrNoStream, stream, makeStreams)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
