package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const defaultPage = 500

// Results yields all results that the sink has of a query, page by page. q.Limit is the size of a page; stop when you have
// enough. An error is the last thing it yields.
func (c *Client) Results(ctx context.Context, q events.ResultQuery) iter.Seq2[events.Result, error] {
	q.Partial = true // a query that finds little is asked in many short requests
	return func(yield func(events.Result, error) bool) {
		for {
			page, err := c.ResultPage(ctx, q)
			if err != nil {
				yield(events.Result{}, err)
				return
			}
			for _, r := range page.Results {
				if !yield(r, nil) {
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

// ResultPage returns one page of results. With the Next of a page as the After of the next query, in the order of committing,
// one sees each result once, however long one waits in between.
func (c *Client) ResultPage(ctx context.Context, q events.ResultQuery) (events.ResultPage, error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	var page events.ResultPage
	err := c.ask(ctx, events.SubjectQueryResults, q, &page)
	return page, err
}

// Counts tells how many results there are of each kind.
func (c *Client) Counts(ctx context.Context, q events.CountQuery) ([]events.Count, error) {
	var t events.CountTable
	err := c.ask(ctx, events.SubjectQueryCounts, q, &t)
	return t.Counts, err
}

// FollowFilter selects what Follow yields; empty fields do not restrict.
type FollowFilter struct {
	Recipe string
	Batch  string
	Status events.Status
	Reason events.Reason
	Host   string    // Result.Host
	Text   string    // in id or key, wherever, whatever the case of letters
	Since  time.Time // also what was committed since then and is still in the stream; zero means only what comes from now on
}

func (f FollowFilter) match(r *events.Result) bool {
	return (f.Batch == "" || r.Batch == f.Batch) && (f.Status == "" || r.Status == f.Status) && (f.Reason == "" || r.Reason == f.Reason) &&
		(f.Host == "" || r.Host() == strings.ToLower(f.Host)) && (f.Text == "" || contains(r.Key, f.Text) || contains(r.ID, f.Text))
}

// Follow yields results as the sink commits them, until ctx ends or the loop is left; the end of ctx is no error. After a
// crash of the sink a result may come twice: its ID tells.
func (c *Client) Follow(ctx context.Context, f FollowFilter) iter.Seq2[events.Result, error] {
	return func(yield func(events.Result, error) bool) {
		fail := func(err error) {
			if ctx.Err() == nil {
				yield(events.Result{}, fmt.Errorf("follow results: %w", err))
			}
		}
		msgs, err := c.follow(ctx, f)
		if err != nil {
			fail(err)
			return
		}
		defer msgs.Stop()
		for {
			m, err := msgs.Next(jetstream.NextContext(ctx))
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					fail(err)
				}
				return
			}
			r, err := events.DecodeResult(m.Data())
			if err != nil {
				fail(fmt.Errorf("message on %s: %w", m.Subject(), err))
				return
			}
			if f.match(r) && !yield(*r, nil) {
				return
			}
		}
	}
}

func contains(s, text string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(text))
}

func (c *Client) follow(ctx context.Context, f FollowFilter) (jetstream.MessagesContext, error) {
	recipe := "*"
	if f.Recipe != "" {
		if err := events.ValidName(f.Recipe); err != nil {
			return nil, fmt.Errorf("recipe: %w", err)
		}
		recipe = f.Recipe
	}
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{events.DoneSubject(recipe)}, DeliverPolicy: jetstream.DeliverNewPolicy,
	}
	if !f.Since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.Since
	}
	cons, err := c.js.OrderedConsumer(ctx, streamDone, cfg)
	if err != nil {
		return nil, streamError("open", streamDone, err)
	}
	return cons.Messages()
}
