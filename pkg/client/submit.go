package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// SubmitOptions says how items are submitted. The zero value is fine.
type SubmitOptions struct {
	// Batch is the name under which the items can be waited for and found again; without one they belong to no batch. The
	// same items submitted again under the same name, in the same order, are not done again: that is how an interrupted
	// submission is resumed.
	Batch    string
	Lane     events.Lane    // default normal
	Deadline time.Time      // items not done by then fail; zero means none
	Params   map[string]any // parameters for all items; see Item.With
	// Reduce is what the batch's results are reduced to besides what the recipe declares, such as "sum(value.count) by value.kind". It needs
	// a batch, whose answers are events.Batch.Reduced. docs/reduce.md describes the language.
	Reduce   []string
	Notify   []string // with Batch: channels on which people are told when it has ended
	InFlight int      // at most so many messages without an answer; default 2048
	// OnProgress is told from time to time, and at the end, how far it is. Submit waits while it runs.
	OnProgress func(Submission)
}

// Submission is what has been submitted so far.
type Submission struct {
	Batch      string
	Accepted   int64 // kept safe by the broker, Duplicates included
	Duplicates int64 // accepted before, such as by an interrupted submission
	Refused    int64 // refusals because the stream was full; each was tried again
}

// Submit publishes items as work for a recipe, those of a batch slowest first where the recipe tells by which parameter, and returns when the broker has confirmed all of them. A full stream slows it
// down, answers that do not come make it send again; neither loses nor doubles an item. An error of the sequence ends it.
//
// When it fails it says how far it came; with a batch, submitting the same again under the same name goes on from there. When
// ctx ends, Submit returns at once, even while the sequence is blocked; the sequence is then left alone to end by itself.
func (c *Client) Submit(ctx context.Context, recipe string, items iter.Seq2[Item, error], o SubmitOptions) (Submission, error) {
	none := Submission{Batch: o.Batch}
	if err := events.ValidName(recipe); err != nil {
		return none, fmt.Errorf("submit to recipe: %w", err)
	}
	if _, err := events.ParseLane(string(o.Lane)); err != nil {
		return none, fmt.Errorf("submit: %w", err)
	}
	if o.Batch == "" && len(o.Reduce) > 0 {
		return none, fmt.Errorf("submit: reduce %.80q: results are reduced over a batch: name one", o.Reduce[0])
	}
	w := newWindow(c.js, o)
	var opened events.BatchOpened
	if o.Batch != "" {
		if err := events.ValidBatch(o.Batch); err != nil {
			return none, fmt.Errorf("submit: %w", err)
		}
		open := events.BatchRequest{Batch: o.Batch, Recipe: recipe, Notify: o.Notify, Reduce: o.Reduce}
		if err := w.insist(ctx, unavailable, func() error { return c.ask(ctx, events.SubjectBatchOpen, open, &opened) }); err != nil {
			return none, fmt.Errorf("open batch %s: %w", o.Batch, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := letters(ctx, recipe, items, o)
	if cost := costOf(opened); cost != nil {
		in = slowestFirst(ctx, in, cost)
	}
	if err := w.run(ctx, in); err != nil {
		return w.sum, fmt.Errorf("submit to recipe %s: %w", recipe, err)
	}
	if o.Batch != "" {
		// All items are safe by now, so it is waited for even an ingest that restarts.
		end := events.BatchRequest{Batch: o.Batch, Total: w.sum.Accepted}
		if err := w.insist(ctx, passing, func() error { return c.ask(ctx, events.SubjectBatchClose, end, nil) }); err != nil {
			return w.sum, fmt.Errorf("close batch %s: %w", o.Batch, err)
		}
	}
	return w.sum, nil
}

// insist asks for something until it is done, as long as what is wrong passes. A full stream is waited for as long as items wait for one.
func (w *window) insist(ctx context.Context, passes func(error) bool, ask func() error) error {
	w.heard = time.Now()
	for {
		err := ask()
		if unavailable(err) {
			w.heard = time.Now()
			w.sum.Refused++
			w.progress()
		}
		if err == nil || !passes(err) || ctx.Err() != nil || time.Since(w.heard) > patience {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(longestPause):
		}
	}
}

// letter is an item ready to be published, or why it is not.
type letter struct {
	msg   *nats.Msg
	index int64
	err   error
}

// letters turns items into messages, in a goroutine of its own because a sequence may block (a pipe that stays open).
func letters(ctx context.Context, recipe string, items iter.Seq2[Item, error], o SubmitOptions) <-chan letter {
	out := make(chan letter, 256)
	prefix := o.Batch
	if prefix == "" {
		prefix = nuid.Next() // an id is needed all the same, to recognise what was sent twice
	}
	reduce := reduceHeader(o.Reduce)
	write := func(index int64, it Item) (*nats.Msg, error) {
		it, err := it.With(o.Params)
		if err != nil {
			return nil, err
		}
		body, err := it.body()
		if err != nil {
			return nil, err
		}
		n := strconv.FormatInt(index, 10)
		h := nats.Header{events.HeaderMsgID: {prefix + "/" + n}}
		if o.Batch != "" {
			h[events.HeaderBatch], h[events.HeaderIndex] = []string{o.Batch}, []string{n}
		}
		if reduce != "" {
			h[events.HeaderReduce] = []string{reduce}
		}
		if o.Lane != "" {
			h[events.HeaderLane] = []string{string(o.Lane)}
		}
		if !o.Deadline.IsZero() {
			h[events.HeaderDeadline] = []string{events.FormatTime(o.Deadline)}
		}
		return &nats.Msg{Subject: events.WorkSubject(recipe), Header: h, Data: body}, nil
	}
	go func() {
		defer close(out)
		var index int64
		for it, err := range items {
			l := letter{index: index, err: err}
			if err == nil {
				l.msg, l.err = write(index, it)
			}
			select {
			case out <- l:
			case <-ctx.Done():
				return
			}
			if l.err != nil {
				return
			}
			index++
		}
	}()
	return out
}

// reduceHeader is all reductions as one header: some servers and programs on the way keep only the first of a header that is repeated.
func reduceHeader(list []string) string {
	if len(list) == 0 {
		return ""
	}
	data, _ := json.Marshal(list) // texts can always be encoded
	return string(data)
}
