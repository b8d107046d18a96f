package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// ApplyOptions say how a document of targets is applied.
type ApplyOptions struct {
	Prune  bool // remove the targets that it does not have
	DryRun bool // only tell what would be done
}

// compressFrom is from which size on documents are compressed.
const compressFrom = 64 << 10

// ApplyTargets makes what is watched be what a document says, YAML or JSON as docs/uptime.md describes it, in one transaction.
// Applying it again changes nothing.
func (c *Client) ApplyTargets(ctx context.Context, document []byte, o ApplyOptions) (*events.Applied, error) {
	m := &nats.Msg{Subject: events.SubjectUptimeApply, Header: nats.Header{}, Data: document}
	for name, set := range map[string]bool{events.HeaderPrune: o.Prune, events.HeaderDryRun: o.DryRun} {
		if set {
			m.Header[name] = []string{"true"}
		}
	}
	if len(document) >= compressFrom {
		m.Header[events.HeaderEncoding] = []string{"gzip"}
		m.Data = compress(document)
	}
	if most := c.nc.MaxPayload(); int64(len(m.Data))+1024 > most {
		return nil, fmt.Errorf("apply targets: the document has %d bytes when it is compressed, and the broker takes messages of %d: split it, or raise max_payload of the broker",
			len(m.Data), most)
	}
	var applied events.Applied
	if err := c.requestBounded(ctx, m, &applied); err != nil {
		return nil, err
	}
	return &applied, nil
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// RemoveTargets has targets watched no more: all of them or, if one of them is not there, none.
func (c *Client) RemoveTargets(ctx context.Context, names ...string) (*events.Applied, error) {
	var applied events.Applied
	if err := c.ask(ctx, events.SubjectUptimeRemove, events.TargetRemoval{Names: names}, &applied); err != nil {
		return nil, err
	}
	return &applied, nil
}

// Targets yields the targets of a query with what is known about them, in the order of their names. q.Limit is the size of a page; stop
// when you have enough. An error is the last thing it yields.
func (c *Client) Targets(ctx context.Context, q events.TargetQuery) iter.Seq2[events.TargetStatus, error] {
	return func(yield func(events.TargetStatus, error) bool) {
		if q.Limit <= 0 {
			q.Limit = 100
		}
		for {
			page, err := c.TargetPage(ctx, q)
			if err != nil {
				yield(events.TargetStatus{}, err)
				return
			}
			for i := range page.Targets {
				if !yield(page.Targets[i], nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// TargetPage returns one page of targets, and the outage of our own if there is one.
func (c *Client) TargetPage(ctx context.Context, q events.TargetQuery) (events.TargetPage, error) {
	var page events.TargetPage
	err := c.ask(ctx, events.SubjectQueryTargets, q, &page)
	return page, err
}

// Target tells all about one target. The error wraps ErrNoTarget if the sink does not know it.
func (c *Client) Target(ctx context.Context, name string) (*events.TargetDetail, error) {
	var d events.TargetDetail
	err := c.ask(ctx, events.SubjectQueryTarget, events.TargetDetailQuery{Name: name}, &d)
	var p *events.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, fmt.Errorf("%w: %s; list those that there are with: fetchmill uptime ls", ErrNoTarget, name)
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// Incidents yields the incidents of a query, newest first. An error is the last thing it yields.
func (c *Client) Incidents(ctx context.Context, q events.IncidentQuery) iter.Seq2[events.Incident, error] {
	return func(yield func(events.Incident, error) bool) {
		if q.Limit <= 0 {
			q.Limit = defaultPage
		}
		for {
			var page events.IncidentPage
			if err := c.ask(ctx, events.SubjectQueryIncidents, q, &page); err != nil {
				yield(events.Incident{}, err)
				return
			}
			for _, i := range page.Incidents {
				if !yield(i, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}
